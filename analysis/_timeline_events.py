"""What a results file says of every message: when it was handed out, computed, came and was used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from _results import Results, UnreadableFileError

# The codes of /trace/event.
_MESSAGE, _LEAVE, _JOIN, _FULL_GRADIENT = 0, 1, 2, 4

_WHOLE = ("event", "learner", "step", "update", "applied", "epoch")

#: Times that differ by less than this fraction of the run's length are the same: sums of doubles are not exact.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Messages:
    """One entry a message, in the order of arrival. Times in seconds since the run began.

    Attributes:
        k: row of the learner.
        row: row of ``/trace``.
        sent_s, arrival_s: when the work was handed out, and when its result came.
        seconds, wait_s: how long the learner computed, and waited before that.
        used_s: when it was used or dropped; NaN: not yet.
        update: number of its first gradient in ``/updates``; 0: none yet.
        applied: whether it was used.
        gradients: used or dropped with it.
    """

    k: np.ndarray
    row: np.ndarray
    sent_s: np.ndarray
    arrival_s: np.ndarray
    seconds: np.ndarray
    wait_s: np.ndarray
    used_s: np.ndarray
    update: np.ndarray
    applied: np.ndarray
    gradients: np.ndarray


@dataclass(frozen=True)
class Change:
    """A learner leaves or comes back."""

    row: int
    k: int
    at_s: float
    leaves: bool


@dataclass(frozen=True)
class Events:
    """All that happened in a run.

    Attributes:
        learners: their numbers; everywhere else a learner is its place in here.
        messages: every message that has come.
        changes: departures and returns, in order.
        phases: full-gradient phases: row of ``/trace``, beginning, end; shape (n, 3).
        used_s: when each gradient of ``/updates`` was used or dropped; never falls.
        end_s: the last moment on record.
        whole: whether the run has finished, so that nothing is on its way.
    """

    learners: np.ndarray
    messages: Messages
    changes: tuple[Change, ...]
    phases: np.ndarray
    used_s: np.ndarray
    end_s: float
    whole: bool


def events(run: Results) -> Events:
    """Reads a run's events.

    Raises:
        UnreadableFileError: where the file lacks some of what is needed, or contradicts itself.
    """
    learners = _learners(run)
    kind, step = column(run, "trace", "event"), column(run, "trace", "step")
    learner, arrival = column(run, "trace", "learner"), _times(run, "trace", "arrival_s")
    sent, seconds, wait = (_times(run, "trace", name) for name in ("sent_s", "seconds", "wait_s"))
    at = np.flatnonzero(kind == _MESSAGE)
    came_and_went = np.flatnonzero((kind == _LEAVE) | (kind == _JOIN))
    phases = np.flatnonzero(kind == _FULL_GRADIENT)

    came = _times(run, "updates", "arrival_s")
    used = came + _times(run, "updates", "queued_s")
    end = float(max(np.max(arrival, initial=0.0), np.max(used, initial=0.0)))
    used = _settled(used, ROUNDING * end)
    k = _places(run, "trace", learner[at], learners)
    message = _messages_of(run, k, step[at], arrival[at], came, learners, ROUNDING * end)

    used_s, update = np.full(len(at), np.nan), np.zeros(len(at), np.int64)
    applied = np.zeros(len(at), bool)
    # The first of a message's gradients is written last, so it is what stays.
    used_s[message[::-1]] = used[::-1]
    update[message[::-1]] = column(run, "updates", "update")[::-1]
    applied[message] = column(run, "updates", "applied") == 1
    gradients = np.bincount(message, minlength=len(at))
    return Events(
        learners,
        Messages(k, at, sent[at], arrival[at], seconds[at], wait[at], used_s, update, applied, gradients),
        tuple(
            Change(int(row), int(place), float(arrival[row]), bool(kind[row] == _LEAVE))
            for row, place in zip(came_and_went, _places(run, "trace", learner[came_and_went], learners), strict=True)
        ),
        np.stack([phases, arrival[phases] - seconds[phases], arrival[phases]], axis=1).reshape(-1, 3),
        used,
        end,
        run.status == "finished",
    )


def column(run: Results, group: str, name: str) -> np.ndarray:
    """One number a row of a group, as int64 or float64."""
    return run.numbers(group, name, whole=name in _WHOLE)


def _times(run: Results, group: str, name: str) -> np.ndarray:
    values = column(run, group, name).astype(np.float64)
    if not np.isfinite(values).all():
        raise UnreadableFileError(run.path, f"/{group}/{name} has a value that is no time")
    return values


def _learners(run: Results) -> np.ndarray:
    """Their numbers, ascending."""
    learners = np.unique(column(run, "learners", "learner"))
    if len(learners):
        return learners
    # A run that has just begun has no rows yet.
    planned = run.option("learners")
    return np.arange(1, planned + 1) if isinstance(planned, int) and planned > 0 else learners


def _places(run: Results, group: str, numbers: np.ndarray, learners: np.ndarray) -> np.ndarray:
    if not np.isin(numbers, learners).all():
        raise UnreadableFileError(run.path, f"/{group}/learner names a learner that /learners does not have")
    return np.searchsorted(learners, numbers)


def _messages_of(
    run: Results,
    k: np.ndarray,
    step: np.ndarray,
    arrival: np.ndarray,
    came: np.ndarray,
    learners: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    """The message that each row of /updates was in: its learner's last one that begins at or before its step."""
    of = _places(run, "updates", column(run, "updates", "learner"), learners)
    own_step = column(run, "updates", "step")
    if not len(of):
        return np.zeros(0, np.int64)
    span = max(int(step.max(initial=0)), int(own_step.max(initial=0))) + 1
    key = k * span + step
    order = np.argsort(key, kind="stable")
    place = np.searchsorted(key[order], of * span + own_step, side="right") - 1
    found = order[np.maximum(place, 0)] if len(order) else np.zeros(len(of), np.int64)
    known = len(order) > 0 and bool((place >= 0).all()) and bool((k[found] == of).all())
    if not known or (np.abs(arrival[found] - came) > tolerance).any():
        raise UnreadableFileError(run.path, "/updates has a gradient whose message is not in /trace")
    return found


def _settled(times: np.ndarray, tolerance: float) -> np.ndarray:
    """The same times, never falling, and those equal that differ by rounding alone."""
    if not len(times):
        return times
    times = np.maximum.accumulate(times)
    new = np.append(True, np.diff(times) > tolerance)
    return times[new][np.cumsum(new) - 1]
