"""From runs in cells to the figures that compare.py shows: accuracy at equal cost, and the cost of an accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from _cells import Cell, settings
from _compare_convergence import Rule, State, judge
from _compare_curves import COSTS, Curve, clock, mixed
from _estimates import estimate
from _results import Results

#: The target where none is given, as a part of the best final mean of the setting.
OF_THE_BEST = 0.99


@dataclass(frozen=True)
class Interval:
    """A mean over runs, and half the width of its 95 % interval (Student's t); NaN where undefined."""

    mean: float
    half_width: float


@dataclass(frozen=True)
class Way:
    """What a target accuracy costs a method.

    Attributes:
        target: the accuracy, as a fraction.
        reached: how many runs reached it.
        costs: by cost; NaN unless all runs reached it.
        speed_up: seconds of the method compared with, divided by these; NaN where either is.
    """

    target: float
    reached: int
    costs: Mapping[str, Interval]
    speed_up: float


@dataclass(frozen=True)
class Row:
    """One method in one setting.

    Attributes:
        method: its name.
        curves: all its runs, by seed.
        used: those that the figures are taken over.
        at: accuracy at the setting's point, by cost.
        ways: one for each target.
        states: what the convergence rule says of each of the runs in ``used``.
    """

    method: str
    curves: Sequence[Curve]
    used: Sequence[Curve]
    at: Mapping[str, Interval]
    ways: Sequence[Way]
    states: Sequence[State]


@dataclass(frozen=True)
class Group:
    """All methods in one setting.

    Attributes:
        setting: as in :class:`_cells.Cell`.
        clock: ``virtual`` or ``wall``.
        mixed: whether the runs are not all of one clock.
        point: the costs at which the accuracies are compared; NaN where there is none.
        targets: the target accuracies, as fractions.
        rows: the methods.
    """

    setting: tuple[tuple[str, object], ...]
    clock: str
    mixed: bool
    point: Mapping[str, float]
    targets: Sequence[float]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Question:
    """What the command line asks for.

    Attributes:
        at: points of comparison that replace the common ones, by cost.
        targets: target accuracies as fractions; empty for the default.
        against: the method that speed-ups are relative to; None for none.
        unfinished: whether unfinished runs count like the others.
        rule: the rule of convergence.
    """

    at: Mapping[str, float]
    targets: Sequence[float]
    against: str | None
    unfinished: bool
    rule: Rule


def measure(
    found: Mapping[Cell, Mapping[int, Results]], curves: Mapping[object, Curve], question: Question
) -> list[Group]:
    """Computes all figures.

    Args:
        found: the runs in cells.
        curves: each run's curve, by its path.
        question: what is asked for.
    """
    groups = []
    for setting in settings(found):
        methods = {
            cell.method: [curves[run.path] for run in runs.values()]
            for cell, runs in found.items()
            if cell.setting == setting
        }
        groups.append(_group(setting, methods, question))
    return groups


def best_final(rows: Sequence[Row]) -> float:
    """The highest mean of final accuracies among methods that have finished runs; NaN if there are none."""
    means = [_mean([c.accuracy[-1] for c in row.used if c.status == "finished" and len(c.accuracy)]) for row in rows]
    return max((mean for mean in means if not math.isnan(mean)), default=math.nan)


def _group(
    setting: tuple[tuple[str, object], ...], methods: Mapping[str, Sequence[Curve]], question: Question
) -> Group:
    every = [curve for curves in methods.values() for curve in curves]
    seconds = clock(every)
    point = {cost: question.at.get(cost, _common(every, cost, seconds, question.unfinished)) for cost in COSTS}
    rows = []
    for method, curves in methods.items():
        used = _used(curves, question.unfinished)
        at = {cost: _interval([c.accuracy_at(cost, seconds, point[cost]) for c in used]) for cost in COSTS}
        rows.append(Row(method, curves, used, at, (), [judge(curve, question.rule) for curve in used]))
    best = best_final(rows)
    targets = question.targets or ([] if math.isnan(best) else [OF_THE_BEST * best])
    rows = [replace(row, ways=[_way(row.used, seconds, target) for target in targets]) for row in rows]
    return Group(setting, seconds, mixed(every), point, targets, _with_speed_ups(rows, question.against))


def _used(curves: Sequence[Curve], unfinished: bool) -> list[Curve]:
    """The runs that ended; with the unfinished ones where these are asked for or where there are no others.

    A diverged run is used: to leave it out would flatter its method.
    """
    used = [c for c in curves if c.ended or (unfinished and len(c.accuracy))]
    return used or list(curves)


def _common(curves: Sequence[Curve], cost: str, seconds: str, unfinished: bool) -> float:
    """The largest cost that all finished runs have spent (or all that have not diverged); NaN without any."""
    spent = [
        float(curve.spent(cost, seconds)[-1])
        for curve in curves
        if len(curve.accuracy) and (curve.status == "finished" or (unfinished and not curve.ended))
    ]
    return min(spent, default=math.nan)


def _way(used: Sequence[Curve], seconds: str, target: float) -> Way:
    costs = {cost: [curve.cost_to(cost, seconds, target) for curve in used] for cost in COSTS}
    reached = int(np.isfinite(costs["updates"]).sum())
    return Way(target, reached, {cost: _interval(values) for cost, values in costs.items()}, math.nan)


def _with_speed_ups(rows: Sequence[Row], against: str | None) -> list[Row]:
    base = next((row.ways for row in rows if row.method == against), None)
    if base is None:
        return list(rows)
    return [
        replace(row, ways=[replace(way, speed_up=_ratio(ways, way)) for ways, way in zip(base, row.ways, strict=True)])
        for row in rows
    ]


def _ratio(base: Way, own: Way) -> float:
    seconds = own.costs["seconds"].mean
    return base.costs["seconds"].mean / seconds if seconds > 0 else math.nan


def _interval(values: Sequence[float]) -> Interval:
    """Mean and interval over all of the values: a single one that is NaN leaves both undefined."""
    if not values or not np.isfinite(values).all():
        return Interval(math.nan, math.nan)
    found = estimate(values)
    return Interval(found.mean, found.half)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan
