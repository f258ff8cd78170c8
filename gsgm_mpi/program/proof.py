"""Compares a run that is being recomputed with its record, row by row, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsgm_mpi.kind import Kind
from gsgm_mpi.learners import Vector
from gsgm_mpi.results.reader import RecordedRun
from gsgm_mpi.results.recorder import Recorder
from gsgm_mpi.results.schema import TRACE


class DifferenceError(Exception):
    """The recomputed run is not the recorded one; the text names the first difference."""


class Proof:
    """What has been compared so far.

    Args:
        recorded: as it was.
        recomputed: fills up as the run goes on.
    """

    def __init__(self, recorded: RecordedRun, recomputed: Recorder) -> None:
        self._recorded = recorded
        self._recomputed = recomputed
        self._accuracies = 0
        self._same = {"trace": 0, "updates": 0, "epochs": 0}

    def check(self) -> None:
        """Compares the rows that are new; raises :class:`DifferenceError` at the first that is not the same."""
        for name in self._same:
            table = getattr(self._recomputed, name)
            then = getattr(self._recorded, name)
            begin, end = self._same[name], len(table)
            if begin == end:
                continue
            known = min(end, len(then[table.columns[0].name]))
            row, column = known, ""
            for c in table.columns:
                if c.name == "wall_s":
                    continue
                new, old = table[c.name][begin:known], then[c.name][begin:known]
                unlike = np.flatnonzero(~_alike(new, old))
                if len(unlike) and begin + unlike[0] < row:
                    row, column = begin + int(unlike[0]), c.name
            if column:
                raise self._differs(name, row, column, then[column][row], table[column][row])
            if known < end and not (name == "epochs" and self.cut):
                raise DifferenceError(f"the recorded run has {known} rows of /{name}, the recomputed one has more")
            self._same[name] = end
        self._check_accuracies()

    def conclude(self, w: Vector | None, *, whole: bool) -> str:
        """What has been proved at the end.

        Args:
            w: the final weights as recomputed; None: the recorded ones are of another moment.
            whole: whether the run was recomputed to the end of its record.
        """
        count = self._same
        text = f"{count['updates']:,} updates, {count['trace']:,} events and {count['epochs']} epochs"
        if not whole:
            return f"{text} are the same, to the last bit"
        stops = int((self._recorded.trace["event"] == Kind.STOP).sum())
        for name, ours in (count | {"trace": count["trace"] + stops}).items():
            theirs = len(getattr(self._recorded, name)[getattr(self._recomputed, name).columns[0].name])
            if ours != theirs and not (name == "epochs" and self.cut and ours > theirs):
                raise DifferenceError(f"the recorded run has {theirs} rows of /{name}, the recomputed one {ours}")
        if w is None:
            return f"{text} are the same, to the last bit; a run that was cut has no final weights to compare"
        unlike = np.flatnonzero(~_alike(w, self._recorded.weights))
        if len(unlike):
            raise DifferenceError(
                f"all {count['updates']:,} updates are the same, but {len(unlike)} of the {len(w)} final weights "
                f"differ, the first of them weight {unlike[0]}: it was {self._recorded.weights[unlike[0]]}, recomputed "
                f"it is {w[unlike[0]]}"
            )
        return f"{text}, and the final weights, are the same, to the last bit"

    def impossible(self, text: str) -> DifferenceError:
        """The recorded order cannot have happened."""
        return DifferenceError(
            f"update {self._same['updates'] + 1} differs: event {self._same['trace']} of /trace is {text}"
        )

    @property
    def cut(self) -> bool:
        """The record was not completed: it may lack the newest epochs, which were being evaluated."""
        return self._recorded.status in ("running", "failed")

    def _check_accuracies(self) -> None:
        then = self._recorded.epochs["class_accuracy"]
        for j in range(self._accuracies, min(len(self._recomputed.class_accuracy), len(then))):
            if not _alike(self._recomputed.class_accuracy[j], then[j]).all():
                raise DifferenceError(f"epoch {j + 1} differs: class_accuracy")
            self._accuracies = j + 1

    def _differs(self, table: str, row: int, column: str, then: Any, now: Any) -> DifferenceError:
        if column == "fingerprint":
            then, now = f"{int(then):#x}", f"{int(now):#x}"
        what = f"{column} was {then}, recomputed it is {now}"
        if table == "updates":
            return DifferenceError(f"update {row + 1} differs: {what}")
        if table == "epochs":
            return DifferenceError(f"epoch {row + 1} differs: {what}")
        event = {c.name: self._recorded.trace[c.name][row].item() for c in TRACE}
        update = self._same["updates"] + 1
        if column not in ("index", "event", "learner", "step"):
            # Who and what it was is right, so the update is known that the message made, now or after a wait.
            updates = self._recorded.updates
            made = (updates["learner"] == event["learner"]) & (updates["step"] == event["step"])
            update = int(np.argmax(made)) + 1 if made.any() else update
        return DifferenceError(
            f"update {update} differs: event {row} of /trace, learner {event['learner']}, step {event['step']}: {what}"
        )


def _alike(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Where both are the same number, or both are none."""
    same = one == other
    if one.dtype.kind == "f":
        same |= np.isnan(one) & np.isnan(other)
    return np.asarray(same)
