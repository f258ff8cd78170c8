"""From a results file to what timeline.py shows: who did what when, in which rounds, in a window of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from _cells import method_name
from _results import Results, UnreadableFileError
from _timeline_events import column, events
from _timeline_intervals import Intervals, intervals
from _timeline_rounds import Rounds, rounds

#: The groups that :func:`measure` needs.
GROUPS = ("epochs", "updates", "learners", "trace")

#: Rounds in the window of a run for which none is given.
USUAL_ROUNDS = 5


@dataclass(frozen=True)
class Window:
    """The part of a run to look at.

    Attributes:
        unit: ``seconds``, ``updates`` or ``epochs``.
        start, end: from the moment at which so many are over, to that.
    """

    unit: str
    start: float
    end: float


@dataclass(frozen=True)
class Timeline:
    """A run and a window of it. Times in seconds since the run began, virtual or on the wall as the run has them.

    Attributes:
        file: the results file.
        title: the method, and whatever else tells the run from others.
        clock: ``virtual`` or ``wall-clock``.
        start_s, end_s: the window.
        chosen: how the window came about, in words.
        length_s: of the run, up to the last moment on record.
        learners: their numbers; everywhere else a learner is its place in here.
        pace_s: median seconds that each learner takes for a gradient; NaN: it has computed none.
        intervals: of the whole run.
        rounds: of the whole run.
        k, used_s, gradients, applied: of each message that was used or dropped: learner, moment, gradients in it, and
            whether it was used.
    """

    file: Path
    title: str
    clock: str
    start_s: float
    end_s: float
    chosen: str
    length_s: float
    learners: np.ndarray
    pace_s: np.ndarray
    intervals: Intervals
    rounds: Rounds
    k: np.ndarray
    used_s: np.ndarray
    gradients: np.ndarray
    applied: np.ndarray

    @property
    def span_s(self) -> float:
        """Length of the window."""
        return self.end_s - self.start_s


def measure(run: Results, window: Window | None = None) -> Timeline:
    """Measures a run.

    Args:
        run: a results file, read with its :data:`GROUPS`.
        window: by default :data:`USUAL_ROUNDS` rounds after the first quarter of the run.

    Raises:
        UnreadableFileError: if the file lacks some of what is needed, or contradicts itself.
    """
    happened = events(run)
    found = rounds(run, happened)
    messages = happened.messages
    done = np.flatnonzero(messages.update > 0)
    done = done[np.argsort(messages.update[done], kind="stable")]
    if window is None:
        start_s, end_s, chosen = _usual(found, happened.end_s)
    else:
        start_s, end_s = _moments(run, window, happened.used_s)
        chosen = f"{window.unit} {window.start:g} to {window.end:g}"
    seconds = messages.seconds[done] / messages.gradients[done]
    pace = [seconds[messages.k[done] == k] for k in range(len(happened.learners))]
    return Timeline(
        file=run.path,
        title=method_name(run),
        clock="wall-clock" if run.option("clock") == "wall" else "virtual",
        start_s=start_s,
        end_s=end_s,
        chosen=chosen,
        length_s=happened.end_s,
        learners=happened.learners,
        pace_s=np.array([np.median(own) if len(own) else np.nan for own in pace]),
        intervals=intervals(happened),
        rounds=found,
        k=messages.k[done],
        used_s=messages.used_s[done],
        gradients=messages.gradients[done],
        applied=messages.applied[done],
    )


def aligned(timelines: Sequence[Timeline]) -> list[Timeline]:
    """The same runs, all windows as long as the longest one; earlier where the run would end before."""
    span = max((timeline.span_s for timeline in timelines), default=0.0)
    return [timeline if timeline.span_s == span else _as_long(timeline, span) for timeline in timelines]


def _as_long(timeline: Timeline, span: float) -> Timeline:
    start = max(0.0, min(timeline.start_s, timeline.length_s - span))
    chosen = f"{timeline.chosen}, made as long as the longest window"
    return replace(timeline, start_s=start, end_s=start + span, chosen=chosen)


def _usual(found: Rounds, length_s: float) -> tuple[float, float, str]:
    """Some rounds, the first of which is the first to begin after the first quarter."""
    n = len(found.end_s)
    if n < USUAL_ROUNDS:
        return 0.0, length_s, "the whole run"
    first = min(int(np.sum(found.start_s < length_s / 4)), n - USUAL_ROUNDS)
    last = first + USUAL_ROUNDS - 1
    return float(found.start_s[first]), float(found.end_s[last]), f"{USUAL_ROUNDS} rounds after the first quarter"


def _moments(run: Results, window: Window, used_s: np.ndarray) -> tuple[float, float]:
    if window.unit == "seconds":
        return window.start, window.end
    updates = np.array([window.start, window.end])
    if window.unit == "epochs":
        at_end = np.append(0, column(run, "epochs", "update"))
        epochs = np.append(0, column(run, "epochs", "epoch"))
        updates = at_end[np.searchsorted(epochs, updates, side="right") - 1]
        if window.start > epochs[-1]:
            raise UnreadableFileError(run.path, f"has {epochs[-1]} epochs, none in --epochs {_text(window)}")
    elif window.start > len(used_s):
        raise UnreadableFileError(run.path, f"has {len(used_s)} updates, none in --updates {_text(window)}")
    moments = np.append(0.0, used_s)[np.minimum(updates, len(used_s)).astype(np.int64)]
    return float(moments[0]), float(moments[1])


def _text(window: Window) -> str:
    return f"{window.start:g}:{window.end:g}"
