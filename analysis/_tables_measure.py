"""From runs in cells to the figures that tables.py shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import _script
from _cells import ENDED, Cell, cells, methods, repeats, settings
from _estimates import Estimate, differences, estimate, holm, log_ratios
from _results import Results, UnreadableFileError
from _stability_measure import Run, measure

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Quantity:
    """A figure of a run.

    Attributes:
        name: the attribute of the run, and the name in CSV.
        heading: of its column, with the unit.
        definition: what it is, in one clause; ``{window}`` stands for the epochs of the running sigma.
        digits: after the point, in tables for people.
        compared_by: "difference" (points) or "ratio" (percent).
    """

    name: str
    heading: str
    definition: str
    digits: int
    compared_by: str


ACCURACIES = {
    "peak": Quantity("peak_accuracy", "peak %", "highest test accuracy of any epoch", 2, "difference"),
    "final": Quantity("final_accuracy", "final %", "test accuracy after the last epoch", 2, "difference"),
}
_DEVIATION = "standard deviation (ddof=0) of the test accuracy"
SIGMAS = {
    "all": Quantity("sigma_all", "sigma all", f"{_DEVIATION} over all epochs", 3, "ratio"),
    "running": Quantity(
        "sigma_running",
        "sigma run",
        _DEVIATION + " within each {window} successive epochs, mean over all windows",
        3,
        "ratio",
    ),
    "tail": Quantity(
        "sigma_tail",
        "sigma tail",
        f"{_DEVIATION} about the least-squares line through the last quarter of epochs",
        3,
        "ratio",
    ),
}


@dataclass(frozen=True)
class Comparison:
    """What the own method gains over a rival under one setting, paired by seed.

    Attributes:
        setting: of both cells.
        rival: name of the method.
        pairs: estimate over the seeds of ``own - rival`` in points, or of ``log(own / rival)``.
        gain: mean gain, positive where the own method is better: points of accuracy, or percent of sigma.
        low: lower end of its 95 % interval.
        high: upper end.
        seeds: common to both cells, with those whose pair is undefined.
        diverged: how many of both methods' runs of these seeds diverged.
        p_holm: p of the paired t test after Holm's correction over all comparisons made with this one.
    """

    setting: tuple[tuple[str, object], ...]
    rival: str
    pairs: Estimate
    gain: float
    low: float
    high: float
    seeds: tuple[int, ...]
    diverged: int
    p_holm: float = math.nan

    @property
    def significant(self) -> bool:
        """Whether the gain, or loss, stays significant after Holm's correction."""
        return self.p_holm < SIGNIFICANT


def gather(
    runs: Sequence[Results], window: int
) -> tuple[dict[Cell, dict[int, Run]], list[Results], list[str], list[UnreadableFileError]]:
    """Measures the runs and puts those that have ended in cells.

    Args:
        runs: results files, read with their ``epochs``.
        window: epochs of the running sigma.

    Returns:
        The runs by cell and seed; the readable results; a line for each run that tells another one again; errors.
    """
    unreadable: list[UnreadableFileError] = []
    readable, measured = _script.each(runs, lambda run: measure(run, window), unreadable)
    # Half a run is left out before all else: it must neither shape the settings nor stand for a finished copy.
    ended = [run for run in readable if run.status in ENDED]
    found = cells(ended)
    twice = repeats(ended, found)
    there = {cell: {seed: measured[run.path] for seed, run in by_seed.items()} for cell, by_seed in found.items()}
    return there, readable, twice, unreadable


def find_method(found: Mapping[Cell, object], name: str) -> str | None:
    """The method of that name, or the only one that the name begins; None where there is none, or several."""
    names = methods(found)
    same = [method for method in names if method.casefold() == name.casefold()]
    longer = [method for method in names if method.casefold().startswith(name.casefold() + " ")]
    return next(iter(same), longer[0] if len(longer) == 1 else None)


def figures(runs: Mapping[int, Run], quantity: Quantity) -> dict[int, float]:
    """That figure of each run of a cell, by seed: accuracy in percent, sigma in points of it.

    A diverged run has no sigma: it was cut short, and few epochs deviate little.
    """
    cut_short = quantity in SIGMAS.values()
    return {
        seed: math.nan if cut_short and run.status == "diverged" else 100 * getattr(run, quantity.name)
        for seed, run in runs.items()
    }


def mean(runs: Mapping[int, Run], quantity: Quantity) -> Estimate:
    """That figure's mean over the seeds of a cell, in the units of :func:`figures`."""
    return estimate(list(figures(runs, quantity).values()))


def diverged(runs: Mapping[int, Run]) -> int:
    """How many runs of a cell diverged."""
    return sum(run.status == "diverged" for run in runs.values())


def compare(found: Mapping[Cell, Mapping[int, Run]], own: str, quantity: Quantity) -> list[Comparison]:
    """Compares the own method with every rival under every setting that both have."""
    comparisons = []
    for setting in settings(found):
        runs = found.get(Cell(own, setting))
        for rival in methods(found):
            others = found.get(Cell(rival, setting))
            if rival != own and runs and others:
                comparisons.append(_compare(setting, rival, runs, others, quantity))
    corrected = holm([comparison.pairs.p for comparison in comparisons])
    return [replace(comparison, p_holm=p) for comparison, p in zip(comparisons, corrected, strict=True)]


def _compare(
    setting: tuple[tuple[str, object], ...],
    rival: str,
    runs: Mapping[int, Run],
    others: Mapping[int, Run],
    quantity: Quantity,
) -> Comparison:
    common = tuple(seed for seed in runs if seed in others)
    both = [{seed: side[seed] for seed in common} for side in (runs, others)]
    own, against = (figures(side, quantity) for side in both)
    if quantity.compared_by == "difference":
        pairs = estimate(differences(own, against))
        gain, low, high = pairs.mean, pairs.low, pairs.high
    else:
        # A ratio and its inverse are as far from 1 in logs only; the ends change places, as less sigma is better.
        pairs = estimate(log_ratios(own, against))
        gain, low, high = (-100 * math.expm1(log) for log in (pairs.mean, pairs.high, pairs.low))
    return Comparison(setting, rival, pairs, gain, low, high, common, sum(map(diverged, both)))
