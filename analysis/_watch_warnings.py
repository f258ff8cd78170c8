"""What is wrong with a run, as far as its results file shows it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from _watch_measure import Learner, Measured
from _watch_read import Followed

#: No news for so many times the usual interval, and at least so many seconds, is worth a word.
QUIET_TIMES, QUIET_LEAST_S = 5, 30.0
#: Without any epoch nothing is usual; then so many seconds.
QUIET_UNKNOWN_S = 600.0
#: The mean of so many epochs has fallen by more than this below the best mean of as many consecutive ones.
FALLEN_EPOCHS, FALLEN = 3, 0.05
#: A learner is silent after so many times its median interval, and so many times the longest of any learner: where
#: a loop ends or all work is handed out, the fast ones wait for the slow.
SILENT_TIMES, SILENT_LONGEST = 10, 3
# Fewer messages of a learner tell nothing of its usual interval; that it sent none tells something from so many
# gradients a learner on.
_LEAST_ARRIVALS, _UNHEARD_ROWS = 5, 20
# Names in one line; the run's own notes shown, the newest.
_NAMED, _NOTES = 5, 3


class Warn(NamedTuple):
    """One warning; its kind stays the same while its text, say a time in it, changes."""

    kind: str
    text: str


def duration(seconds: float) -> str:
    """``m:ss`` or ``h:mm:ss``; NaN as a dash."""
    if math.isnan(seconds):
        return "-"
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"


def warnings(followed: Followed) -> list[Warn]:
    """All that is wrong, the gravest first."""
    held = followed.held
    if held is None:
        return []
    found = [*_of_file(followed), *_of_status(held), *_of_loss(held), *_of_accuracy(held)]
    found += _of_learners(held)
    return found + [Warn(f"note: {note}", f"note: {note}") for note in held.notes[-_NOTES:]]


def _of_file(followed: Followed) -> list[Warn]:
    if followed.missing:
        return [Warn("gone", f"{followed.path.name} is gone; this is what it last held")]
    if followed.trouble is not None:
        return [Warn("unreadable", f"cannot be read now: {followed.trouble}; this is what it last held")]
    usual_s = followed.usual_s
    limit_s = QUIET_UNKNOWN_S if usual_s is None else max(QUIET_LEAST_S, QUIET_TIMES * usual_s)
    if followed.held is not None and not followed.held.ended and followed.quiet_s > limit_s:
        usual = "" if usual_s is None else f", usually {max(1, round(usual_s))} s at most"
        return [Warn("quiet", f"no news for {duration(followed.quiet_s)}{usual}; the run may be dead")]
    return []


def _of_status(held: Measured) -> list[Warn]:
    if held.results.status == "failed":
        return [Warn("failed", f"failed: {held.results.provenance.get('error') or 'no reason given'}")]
    if held.results.status == "diverged":
        return [Warn("diverged", "diverged: a loss or gradient was no longer finite")]
    return []


def _of_loss(held: Measured) -> list[Warn]:
    if held.bad_update is not None:
        return [Warn("loss", f"the loss of update {held.bad_update} was not finite")]
    if len(held.epoch) and not math.isfinite(held.test_loss):
        return [Warn("loss", f"the test loss after epoch {held.epoch[-1]} is not finite")]
    return []


def _of_accuracy(held: Measured) -> list[Warn]:
    if len(held.accuracy) <= FALLEN_EPOCHS:
        return []
    means = np.lib.stride_tricks.sliding_window_view(held.accuracy, FALLEN_EPOCHS).mean(axis=1)
    means = means[np.isfinite(means)]
    if not means.size or means.max() - means[-1] <= FALLEN:
        return []
    now, best = 100 * means[-1], 100 * means.max()
    text = f"accuracy has fallen: mean of the last {FALLEN_EPOCHS} epochs {now:.1f} %, best such mean {best:.1f} %"
    return [Warn("accuracy", text)]


def _of_learners(held: Measured) -> list[Warn]:
    if not _all_work(held):
        return []
    found = []
    unheard = [learner.learner for learner in held.learners if not len(learner.arrivals_s)]
    if unheard and held.recent_rows >= _UNHEARD_ROWS * len(held.learners):
        named = ", ".join(map(str, unheard[:_NAMED])) + (", ..." if len(unheard) > _NAMED else "")
        who = "learner" if len(unheard) == 1 else f"{len(unheard)} learners:"
        found.append(Warn(f"unheard {named}", f"none of the last {held.recent_rows} gradients came from {who} {named}"))
    silent = [learner for learner in held.learners if is_silent(learner, held)]
    for learner in silent[:_NAMED]:
        usual_s = float(np.median(np.diff(learner.arrivals_s)))
        silent_s = held.last_arrival_s - learner.arrivals_s[-1]
        text = f"learner {learner.learner} has sent nothing for {silent_s:.3g} s, usually every {usual_s:.3g} s"
        found.append(Warn(f"silent {learner.learner}", text))
    if len(silent) > _NAMED:
        found.append(Warn("silent more", f"{len(silent) - _NAMED} more learners have sent nothing for long"))
    return found


def is_silent(learner: Learner, held: Measured) -> bool:
    """Whether it has sent nothing for long, counted to the last message of any learner."""
    if not _all_work(held) or len(learner.arrivals_s) < _LEAST_ARRIVALS:
        return False
    silent_s = held.last_arrival_s - learner.arrivals_s[-1]
    usual_s = np.median(np.diff(learner.arrivals_s))
    return bool(silent_s > SILENT_TIMES * usual_s and silent_s > SILENT_LONGEST * held.longest_interval_s)


def _all_work(held: Measured) -> bool:
    """Whether silence means anything: a learner with a budget of its own falls silent when that is used up."""
    return not held.ended and held.results.option("budget") != "per-learner"
