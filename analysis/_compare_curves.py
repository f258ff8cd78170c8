"""The accuracy of a run against what it has cost so far, as compare.py reads it from a results file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _cells import ENDED, seed
from _results import Results, UnreadableFileError

#: The costs, in the order in which they are shown.
COSTS = ("updates", "gradients", "bytes", "seconds")

# Each cost's column of /epochs; that of the seconds depends on the clock.
_COLUMNS = {"updates": "update", "gradients": "gradients", "bytes": "sent_bytes"}


@dataclass(frozen=True)
class Curve:
    """One run's evaluations.

    Attributes:
        file: the results file.
        seed: the run's seed.
        status: ``finished``, ``running``, ...
        accuracy: fraction classified correctly at each evaluation; NaN where it was not finite.
        classes: number of classes; None where the file does not say.
        columns: what had been spent at each evaluation, by column of ``/epochs``.
    """

    file: Path
    seed: int
    status: str
    accuracy: np.ndarray
    classes: int | None
    columns: Mapping[str, np.ndarray]

    @property
    def ended(self) -> bool:
        """Whether the run came to its own end: what it has not reached, it never will."""
        return self.status in ENDED

    def spent(self, cost: str, clock: str) -> np.ndarray:
        """What had been spent of a cost at each evaluation: a count, bytes, or seconds of that clock."""
        return self.columns[_COLUMNS.get(cost, f"{clock}_s")]

    def accuracy_at(self, cost: str, clock: str, value: float) -> float:
        """Accuracy at the last evaluation at or before that cost; NaN before the first and after the run's end."""
        spent = self.spent(cost, clock)
        before = np.flatnonzero(spent <= value)
        if not before.size or not spent[-1] >= value:
            return np.nan
        return float(self.accuracy[before[-1]])

    def cost_to(self, cost: str, clock: str, target: float) -> float:
        """What the first evaluation of at least the target accuracy had cost; NaN if there is none."""
        there = np.flatnonzero(self.accuracy >= target)
        return float(self.spent(cost, clock)[there[0]]) if there.size else np.nan


def curve(results: Results) -> Curve:
    """Takes the curve from a results file that was read with its ``epochs``.

    Raises:
        UnreadableFileError: if a column is missing or is not one number an epoch.
    """
    shape = results.column("epochs", "epoch").shape
    columns = {}
    for name in ("test_accuracy", *_COLUMNS.values(), "wall_s", "virtual_s"):
        column = results.column("epochs", name)
        if len(shape) != 1 or column.shape != shape or column.dtype.kind not in "fiu":
            raise UnreadableFileError(results.path, f"/epochs/{name} is not one number an epoch")
        columns[name] = column.astype(np.float64)
    accuracy = columns.pop("test_accuracy")
    by_class = results.groups["epochs"].get("class_accuracy")
    return Curve(
        file=results.path,
        seed=seed(results),
        status=results.status,
        accuracy=np.where(np.isfinite(accuracy), accuracy, np.nan),
        classes=by_class.shape[1] if by_class is not None and by_class.ndim == 2 else None,
        columns=columns,
    )


def clock(curves: Iterable[Curve]) -> str:
    """The clock in which runs are compared: virtual if all that have evaluations tell it, else wall."""
    virtual = [np.isfinite(c.columns["virtual_s"]).all() for c in curves if len(c.accuracy)]
    return "virtual" if virtual and all(virtual) else "wall"


def mixed(curves: Iterable[Curve]) -> bool:
    """Whether only some of the runs tell virtual times, so that they are not of one clock."""
    return len({bool(np.isfinite(c.columns["virtual_s"]).all()) for c in curves if len(c.accuracy)}) > 1
