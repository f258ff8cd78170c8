"""The curves of runs, and their mean over seeds: what figures.py draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import _spread
import numpy as np
from _results import Results, UnreadableFileError

LEAST_SEEDS = 3  # of a t interval

#: What a curve can be drawn against, and the data set that holds it.
X_COLUMNS = {
    "epoch": "epoch",
    "update": "update",
    "gradients": "gradients",
    "seconds": "wall_s",
    "bytes": "sent_bytes",
}
BANDS = {
    "ci": "95 % t interval of the mean, where there are three seeds",
    "range": "smallest to largest seed",
    "none": "none",
}


@dataclass(frozen=True)
class Run:
    """One run's curves, one value an epoch; whatever is not a number is NaN.

    Attributes:
        path: the results file.
        status: see :class:`_results.Results`.
        clock: ``virtual`` or ``wall-clock``: whose seconds ``x`` are; empty where it is no time.
        x: what the curves are drawn against, increasing.
        accuracy: test accuracy in percent.
        sigma: its running standard deviation in percentage points.
    """

    path: Path
    status: str
    clock: str
    x: np.ndarray
    accuracy: np.ndarray
    sigma: np.ndarray


@dataclass(frozen=True)
class Curve:
    """The mean of one quantity over the seeds that have it.

    Attributes:
        x: where it stands.
        mean: over the seeds that have a value there; NaN where none has.
        low: lower edge of the band; NaN where there are too few seeds for one.
        high: upper edge of the band.
        seeds: how many seeds have a value there.
        of: how many seeds there are.
        diverged: the last point of each run that diverged.
    """

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: np.ndarray
    of: int
    diverged: tuple[tuple[float, float], ...]


def measure(results: Results, x: str, window: int) -> Run:
    """The curves of one run.

    Args:
        results: a results file, read with its ``epochs``.
        x: a key of :data:`X_COLUMNS`.
        window: epochs of the running sigma.

    Raises:
        UnreadableFileError: if a data set is missing or is not one number an epoch.
    """
    accuracy, place = _numbers(results, "test_accuracy"), _numbers(results, X_COLUMNS[x])
    clock = ""
    if x == "seconds":
        clock = "wall-clock"
        virtual = _numbers(results, "virtual_s") if "virtual_s" in results.groups["epochs"] else np.full(1, np.nan)
        # All or nothing: a curve cannot pass from one clock to another.
        if np.isfinite(virtual).all():
            place, clock = virtual, "virtual"
    sigma = _spread.running_sigma(accuracy, window)
    known = np.isfinite(place)
    place, accuracy, sigma = place[known], accuracy[known], sigma[known]
    # Epochs that one message completed share the place and the score; the last has seen them all.
    _, from_the_end = np.unique(place[::-1], return_index=True)
    keep = len(place) - 1 - from_the_end
    return Run(results.path, results.status, clock, place[keep], 100 * accuracy[keep], 100 * sigma[keep])


def mean_curve(runs: Sequence[Run], quantity: str, interpolate: bool, band: str) -> Curve:
    """The mean over seeds.

    Args:
        runs: one for each seed.
        quantity: ``accuracy`` or ``sigma``.
        interpolate: whether runs stand at different places, so that their values between two epochs are
            taken from the straight line between them; never before a run's first or after its last value.
        band: a key of :data:`BANDS`.
    """
    runs = [run for run in runs if np.isfinite(run.accuracy).any()]
    grid = np.unique(np.concatenate([np.empty(0), *(run.x for run in runs)]))
    values = np.full((len(runs), len(grid)), np.nan)
    diverged = []
    for row, run in zip(values, runs, strict=True):
        y = getattr(run, quantity)
        if interpolate:
            row[:] = np.interp(grid, run.x, y, left=np.nan, right=np.nan)
        else:
            row[np.searchsorted(grid, run.x)] = y
        there = np.flatnonzero(np.isfinite(y))
        if run.status == "diverged" and there.size:
            diverged.append((float(run.x[there[-1]]), float(y[there[-1]])))
    seeds = np.isfinite(values).sum(axis=0)
    mean = np.where(seeds > 0, np.nansum(values, axis=0) / np.maximum(seeds, 1), np.nan)
    low, high = _band(values, mean, seeds, band, on_log_axis=quantity == "sigma")
    return Curve(grid, mean, low, high, seeds, len(runs), tuple(diverged))


def _band(
    values: np.ndarray, mean: np.ndarray, seeds: np.ndarray, band: str, on_log_axis: bool
) -> tuple[np.ndarray, np.ndarray]:
    if band == "none" or not values.size:
        return np.full(mean.shape, np.nan), np.full(mean.shape, np.nan)
    if band == "range":
        low, high = np.fmin.reduce(values), np.fmax.reduce(values)
        return np.where(seeds > 1, low, np.nan), np.where(seeds > 1, high, np.nan)
    # Imported here because scipy takes longer to load than everything else.
    from scipy.stats import t

    freedom = np.maximum(seeds - 1, 1)
    variance = np.nansum((values - mean) ** 2, axis=0) / freedom
    half = t.ppf(0.975, freedom) * np.sqrt(variance / np.maximum(seeds, 1))
    # With t = 12.7 the interval of two seeds would only hide what else is drawn.
    half[seeds < LEAST_SEEDS] = np.nan
    if not on_log_axis:
        return mean - half, mean + half
    # The interval of the logarithm, whose standard error is, to first order, that of the mean over the mean: so it
    # is as long upwards as downwards on a log axis, and never reaches 0.
    factor = np.exp(half / np.where(mean > 0, mean, np.nan))
    return mean / factor, mean * factor


def _numbers(results: Results, name: str) -> np.ndarray:
    column = results.column("epochs", name)
    if column.ndim != 1 or column.shape != results.column("epochs", "epoch").shape or column.dtype.kind not in "iuf":
        raise UnreadableFileError(results.path, f"/epochs/{name} is not one number an epoch")
    return np.where(np.isfinite(column), column, np.nan).astype(np.float64)
