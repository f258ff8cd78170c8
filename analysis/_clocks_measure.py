"""From a results file to the figures that clocks.py shows: how stale its gradients were, whose they were, how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _results import Results, UnreadableFileError

#: Of a results file, what :func:`measure` needs.
GROUPS = ("updates", "trace", "final")

# In the column `event` of /trace.
_MESSAGE = 0


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
        way_s: median over the messages of what lies between hand-out and arrival beside the learner's computing: the
            way there and back, and whatever else holds a message up.
        order: learner, step and staleness of all gradients, those that it dropped included.
        weights: the last ones.
    """

    file: Path
    label: str | None
    clock: str | None
    status: str
    learner: np.ndarray
    staleness: np.ndarray
    seconds: float
    way_s: float
    order: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Difference:
    """How far ``file`` is from ``against``: fractions of 1, and 0 (None for learner and update) where they agree.

    Attributes:
        file: that one.
        against: the other.
        staleness_distance: total variation distance of the two histograms.
        largest_share_difference: of a learner's share of the updates.
        differing_learner: whose.
        differing_update: the first, from 1, with another learner, step or staleness, or that only one of them has.
        same_weights: the last weights are the same, bit for bit.
    """

    file: Path
    against: Path
    staleness_distance: float
    largest_share_difference: float
    differing_learner: int | None
    differing_update: int | None
    same_weights: bool


def measure(results: Results) -> Run:
    """Computes the figures of one run.

    Args:
        results: a results file, read with :data:`GROUPS`.

    Raises:
        UnreadableFileError: if the file's updates are none, or some columns are not as they should be.
    """
    names = ("learner", "step", "staleness", "applied")
    learner, step, staleness, applied = (_column(results, "updates", name, "iu") for name in names)
    arrival, queued = (_column(results, "updates", name, "f") for name in ("arrival_s", "queued_s"))
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
        way_s=_way(results),
        order=np.stack([learner, step, staleness]),
        weights=results.column("final", "weights"),
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
        differing_update=_first_difference(run.order, reference.order),
        same_weights=run.weights.tobytes() == reference.weights.tobytes(),
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


def _first_difference(one: np.ndarray, other: np.ndarray) -> int | None:
    rows = min(one.shape[1], other.shape[1])
    differ = np.flatnonzero((one[:, :rows] != other[:, :rows]).any(axis=0))
    if len(differ):
        return int(differ[0]) + 1
    return None if one.shape == other.shape else rows + 1


def _way(results: Results) -> float:
    """Work that came while the learner had other work began after that; NaN where there was no message."""
    messages = _column(results, "trace", "event", "iu") == _MESSAGE
    learner = _column(results, "trace", "learner", "iu")[messages]
    columns = (_column(results, "trace", name, "f")[messages] for name in ("sent_s", "seconds", "arrival_s"))
    free: dict[int, float] = {}
    ways = []
    for k, sent_s, seconds, arrival_s in zip(learner.tolist(), *(column.tolist() for column in columns), strict=True):
        free[k] = max(sent_s, free.get(k, 0.0)) + seconds
        ways.append(arrival_s - free[k])
    return float(np.median(ways)) if ways else np.nan


def _column(results: Results, group: str, name: str, kinds: str) -> np.ndarray:
    column = results.column(group, name)
    if column.shape != results.column(group, "learner").shape or column.ndim != 1 or column.dtype.kind not in kinds:
        number, row = "number" if kinds == "f" else "whole number", "update" if group == "updates" else "event"
        raise UnreadableFileError(results.path, f"/{group}/{name} is not one {number} an {row}")
    return column.astype(np.float64 if kinds == "f" else np.int64)
