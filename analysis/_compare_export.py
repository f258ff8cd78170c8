"""Writes what compare.py measured as JSON and CSV, for programs: fractions, in full precision."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict

import _cells
from _compare_convergence import STEADY, UNDECIDED, State, judge
from _compare_curves import COSTS, Curve
from _compare_measure import Group, Interval, Question, Row, Way
from _compare_report import verdicts
from _results import UnreadableFileError

_STATE_FIELDS = ("final", "peak", "below", "drift", "sigma")


def write_json(groups: Sequence[Group], question: Question, unreadable: Sequence[UnreadableFileError]) -> None:
    """Prints one JSON object; what is undefined is null."""
    document = {
        "against": question.against,
        "rule": asdict(question.rule),
        "settings": [_group_object(group, question) for group in groups],
        "unreadable": [{"file": str(error.path), "reason": error.reason} for error in unreadable],
    }
    json.dump(document, sys.stdout, indent=2, allow_nan=False, default=str)
    print()


def write_csv(groups: Sequence[Group]) -> None:
    """Prints a row for each method and target in each setting; what is undefined is empty."""
    header = ["setting", "clock", "method", "runs", "finished", "used"]
    header += [f"{cost}{part}" for cost in COSTS for part in ("", "_accuracy", "_half_width")]
    header += ["target", "reached", "speed_up"]
    header += [f"{cost}_to_target{part}" for cost in COSTS for part in ("", "_half_width")]
    header += ["converged", "told", "verdicts", *_STATE_FIELDS]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    for group in groups:
        for row in group.rows:
            for way in row.ways or [None]:
                cells = [_cells.in_words(group.setting), group.clock, row.method, *_counts(row)]
                for cost in COSTS:
                    cells += [group.point[cost], row.at[cost].mean, row.at[cost].half_width]
                cells += _way_cells(way)
                cells += [*_converged(row.states), verdicts(row.states)]
                cells += [_mean(row.states, name) for name in _STATE_FIELDS]
                writer.writerow([_defined(cell) for cell in cells])


def _way_cells(way: Way | None) -> list[object]:
    if way is None:
        return [None] * (3 + 2 * len(COSTS))
    parts = [part for cost in COSTS for part in (way.costs[cost].mean, way.costs[cost].half_width)]
    return [way.target, way.reached, way.speed_up, *parts]


def _group_object(group: Group, question: Question) -> dict[str, object]:
    return {
        "setting": dict(group.setting),
        "clock": group.clock,
        "point": {cost: _defined(value) for cost, value in group.point.items()},
        "targets": list(group.targets),
        "methods": [_row_object(group, row, question) for row in group.rows],
    }


def _row_object(group: Group, row: Row, question: Question) -> dict[str, object]:
    converged, told = _converged(row.states)
    return {
        "method": row.method,
        "at": {cost: _interval(value) for cost, value in row.at.items()},
        "targets": [
            {
                "target": way.target,
                "reached": way.reached,
                "of": len(row.used),
                "costs": {cost: _interval(value) for cost, value in way.costs.items()},
                "speed_up": _defined(way.speed_up),
            }
            for way in row.ways
        ],
        "converged": converged,
        "told": told,
        "runs": [_run_object(group, row, curve, question) for curve in row.curves],
    }


def _run_object(group: Group, row: Row, curve: Curve, question: Question) -> dict[str, object]:
    clock = group.clock
    return {
        "file": str(curve.file),
        "seed": curve.seed,
        "status": curve.status,
        "used": any(curve is one for one in row.used),
        "evaluations": len(curve.accuracy),
        "at": {cost: _defined(curve.accuracy_at(cost, clock, group.point[cost])) for cost in COSTS},
        "to_target": [
            {cost: _defined(curve.cost_to(cost, clock, target)) for cost in COSTS} for target in group.targets
        ],
        **{name: _defined(value) for name, value in asdict(judge(curve, question.rule)).items()},
    }


def _counts(row: Row) -> list[int]:
    return [len(row.curves), sum(curve.status == "finished" for curve in row.curves), len(row.used)]


def _converged(states: Sequence[State]) -> tuple[int, int]:
    """How many runs have converged, and of how many the rule can tell."""
    told = [state.verdict == STEADY for state in states if state.verdict not in UNDECIDED]
    return sum(told), len(told)


def _mean(states: Sequence[State], name: str) -> float:
    return sum(getattr(state, name) for state in states) / len(states)


def _interval(value: Interval) -> dict[str, object]:
    return {"mean": _defined(value.mean), "half_width": _defined(value.half_width)}


def _defined(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value
