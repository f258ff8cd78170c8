"""From a results file to the figures that clocks.py shows: how stale its gradients were, whose they were, how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _results import Results, UnreadableFileError


@dataclass(frozen=True)
class Run:
    """One run's figures over the gradients that it used, those that it dropped left out.

    Attributes:
        file: the file, as the user named it.
        label: the method; None where unknown.
        clock: ``wall`` or ``virtual``; None where unknown.
        status: as in the file.
        learner: whose gradient, one entry an update.
        staleness: changes of w while it was computed, one entry an update.
        seconds: from the beginning of the run to its last update, in the run's own clock.
        between_s: median time from the use of a learner's message to the arrival of its next, computing taken off:
            messages on their way, the server, the wait for work; NaN where no learner sent two.
    """

    file: Path
    label: str | None
    clock: str | None
    status: str
    learner: np.ndarray
    staleness: np.ndarray
    seconds: float
    between_s: float


@dataclass(frozen=True)
class Difference:
    """How far ``file`` is from ``against``: fractions of 1, and 0 (None for the learner) where they agree."""

    file: Path
    against: Path
    staleness_distance: float
    largest_share_difference: float
    differing_learner: int | None


def measure(results: Results) -> Run:
    """Computes the figures of one run.

    Args:
        results: a results file, read with its ``updates``.

    Raises:
        UnreadableFileError: if the file's updates are none, or have not the columns that they should have.
    """
    learner, staleness, applied = (_column(results, name, "iu") for name in ("learner", "staleness", "applied"))
    arrival, queued, compute = (_column(results, name, "f") for name in ("arrival_s", "queued_s", "compute_s"))
    used = applied != 0
    if not used.any():
        raise UnreadableFileError(results.path, "no gradient has been used yet")
    clock = results.option("clock")
    return Run(
        file=results.path,
        label=results.label,
        clock=None if clock is None else str(clock),
        status=results.status,
        learner=learner[used],
        staleness=staleness[used],
        seconds=float(np.max((arrival + queued)[used])),
        between_s=_between(learner, arrival, queued, compute),
    )


def compare(run: Run, reference: Run) -> Difference:
    """Compares staleness and learners' shares of the updates."""
    learners = every_value([run.learner, reference.learner])
    difference = np.abs(shares(run.learner, learners) - shares(reference.learner, learners))
    worst = int(np.argmax(difference))
    return Difference(
        file=run.file,
        against=reference.file,
        staleness_distance=total_variation(run.staleness, reference.staleness),
        largest_share_difference=float(difference[worst]),
        differing_learner=int(learners[worst]) if difference[worst] > 0 else None,
    )


def total_variation(one: np.ndarray, other: np.ndarray) -> float:
    """Half the sum of the differences of the two histograms: 0 where they are alike, 1 where they share no value."""
    values = every_value([one, other])
    return float(np.abs(shares(one, values) - shares(other, values)).sum() / 2)


def shares(column: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Fraction of the column's entries that each value has; the values are sorted and all there are."""
    return np.bincount(np.searchsorted(values, column), minlength=len(values)) / len(column)


def every_value(columns: Sequence[np.ndarray]) -> np.ndarray:
    """The values that occur in any of the columns, sorted."""
    return np.unique(np.concatenate(columns))


def quantile(column: np.ndarray, fraction: float) -> int:
    """The smallest entry that is not below that fraction of them."""
    return int(np.quantile(column, fraction, method="inverted_cdf"))


def _between(learner: np.ndarray, arrival: np.ndarray, queued: np.ndarray, compute: np.ndarray) -> float:
    """The rows of one message, one for each of its gradients, share learner and arrival."""
    order = np.lexsort((arrival, learner))
    learner, arrival, queued, compute = (column[order] for column in (learner, arrival, queued, compute))
    new = np.flatnonzero(np.diff(learner, prepend=learner[0] - 1) | (np.diff(arrival, prepend=np.nan) != 0))
    computed = np.add.reduceat(compute, new)
    learner, arrival, queued = learner[new], arrival[new], queued[new]
    same = learner[1:] == learner[:-1]
    if not same.any():
        return np.nan
    return float(np.median((arrival[1:] - arrival[:-1] - queued[:-1] - computed[1:])[same]))


def _column(results: Results, name: str, kinds: str) -> np.ndarray:
    column = results.column("updates", name)
    if column.shape != results.column("updates", "learner").shape or column.ndim != 1 or column.dtype.kind not in kinds:
        number = "number" if kinds == "f" else "whole number"
        raise UnreadableFileError(results.path, f"/updates/{name} is not one {number} an update")
    return column.astype(np.float64 if kinds == "f" else np.int64)
