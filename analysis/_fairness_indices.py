"""How evenly learners and classes weigh in a run: pure functions on arrays.

Whatever is undefined is NaN, and no function warns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# What differs by less does so by rounding.
_ROUNDING = 1e-9
# Weights that differ by less explain nothing.
_LEAST_DIFFERENCE = 0.01
# So many numbers at a time, lest a table of windows by classes fill the memory.
_BLOCK = 1_000_000


def jain(x: np.ndarray) -> float:
    """Jain's index (Σx)² / (n·Σx²): 1 where all are equal, 1/n where one has everything; NaN where none has any."""
    squares = len(x) * float(np.sum(np.square(x, dtype=np.float64)))
    return float(np.sum(x, dtype=np.float64)) ** 2 / squares if squares else math.nan


def normalised(x: np.ndarray) -> np.ndarray:
    """The last axis divided by its sum; NaN where that is 0."""
    return divided(x, np.sum(x, axis=-1, keepdims=True))


def divided(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Quotients x / y; NaN where y is 0."""
    shape = np.broadcast_shapes(np.shape(x), np.shape(y))
    return np.divide(x, y, out=np.full(shape, math.nan), where=np.broadcast_to(y, shape) != 0)


def total_variation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Half the sum of the differences of two distributions, along the last axis: 0 alike, 1 nothing in common."""
    distance = np.abs(one - other).sum(axis=-1) / 2
    # Rounding aside, what is alike is exactly so.
    return np.where(distance < _ROUNDING, 0.0, distance)


def in_windows(learner: np.ndarray, weight: np.ndarray, learners: int, window: int) -> np.ndarray:
    """Each learner's weight in each of the consecutive windows of so many updates.

    Args:
        learner: who computed each update, from 0.
        weight: of each update.
        learners: how many there are.
        window: updates in a window; what is left at the end fills none and is left out.

    Returns:
        An array, window x learner.
    """
    windows = len(learner) // window
    rows = slice(0, windows * window)
    place = np.arange(windows * window) // window * learners + learner[rows]
    return np.bincount(place, weights=weight[rows], minlength=windows * learners).reshape(windows, learners)


def joined(table: np.ndarray, n: int) -> np.ndarray:
    """A table by window, with n windows in a row made one."""
    windows = len(table) // n
    return table[: windows * n].reshape(windows, n, table.shape[1]).sum(axis=1)


def mean_distance(table: np.ndarray, shard: np.ndarray, share: np.ndarray) -> float:
    """Mean over the windows of the total variation between the classes' weights and their shares.

    Args:
        table: weights, window x learner.
        shard: share of each class in each learner's shard, learner x class.
        share: of each class in the whole training set.
    """
    step = max(1, _BLOCK // max(1, len(share)))
    starts = range(0, len(table), step)
    distances = [total_variation(normalised(table[i : i + step] @ shard), share) for i in starts]
    return mean(np.concatenate(distances)) if distances else math.nan


def correlation(weight: np.ndarray, accuracy: np.ndarray) -> float:
    """Pearson's r over the classes for which both are finite.

    NaN below three classes, where the weights differ by less than 0.01, or where all accuracies are the same.
    """
    both = np.isfinite(weight) & np.isfinite(accuracy)
    if both.sum() < 3:  # a line goes through any two points
        return math.nan
    x, y = weight[both], accuracy[both]
    if np.ptp(x) < _LEAST_DIFFERENCE or np.ptp(y) < _ROUNDING:
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y) / math.sqrt((x @ x) * (y @ y))


def extremes(x: np.ndarray) -> tuple[tuple[int | None, float], tuple[int | None, float]]:
    """Where and what the lowest and the highest finite value are; None for where if all are the same."""
    known = np.flatnonzero(np.isfinite(x))
    if not len(known):
        return (None, math.nan), (None, math.nan)
    low, high = (int(known[which(x[known])]) for which in (np.argmin, np.argmax))
    if x[high] - x[low] < _ROUNDING:
        return (None, float(x[low])), (None, float(x[high]))
    return (low, float(x[low])), (high, float(x[high]))


def mean(x: np.ndarray) -> float:
    """Mean of the finite values; NaN where there is none."""
    x = x[np.isfinite(x)]
    return float(x.mean(dtype=np.float64)) if len(x) else math.nan


def quantiles(x: np.ndarray, fractions: Sequence[float] | np.ndarray) -> np.ndarray:
    """For each fraction the smallest finite value that is not below that fraction of them; NaN where there is none."""
    x = x[np.isfinite(x)]
    if not len(x):
        return np.full(len(fractions), math.nan)
    return np.quantile(x, fractions, method="inverted_cdf").astype(np.float64)


def mean_of_rows(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Mean down the columns of rows that may be of unequal length, over the finite values of each column."""
    table = np.full((len(rows), max(map(len, rows), default=0)), math.nan)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = row
    known = np.isfinite(table)
    return divided(np.where(known, table, 0).sum(axis=0), known.sum(axis=0))
