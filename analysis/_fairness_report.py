"""Writes what fairness.py measured: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from _cells import Cell, in_words
from _fairness_indices import mean_of_rows
from _fairness_measure import CLASSES, FIGURES, FRACTIONS, OF_A_CLASS, Run
from _results import UnreadableFileError
from _table import number, print_aligned

# A format of its own: counts of one run are whole, their means over seeds need not be.
_COUNT = "count"

# Column, figure, factor and format of each of the two tables.
WHO = (
    *(
        ("updates: min", "updates_min", 1, _COUNT),
        ("max", "updates_max", 1, _COUNT),
        ("ratio", "updates_ratio", 1, ".2f"),
    ),
    *(("Jain", "jain", 1, ".3f"), ("dropped", "dropped", 1, _COUNT)),
    *(("weight: over", "overweight", 1, ".2f"), ("under", "underweight", 1, ".2f")),
    *(("TV", "class_distance", 1, ".3f"), ("windows", "window_distance", 1, ".3f")),
    *(("accuracy: worst", "worst_accuracy", 100, ".2f"), ("best", "best_accuracy", 100, ".2f")),
    *(("spread", "accuracy_spread", 100, ".2f"), ("r", "weight_accuracy_correlation", 1, "+.2f")),
)
WHEN = (
    *(("staleness: mean", "staleness_mean", 1, ".2f"), ("median", "staleness_median", 1, _COUNT)),
    *(("95 %", "staleness_95", 1, _COUNT), ("max", "staleness_max", 1, _COUNT)),
    *(("gap x1000: mean", "gap_mean", 1000, ".3f"), ("median", "gap_median", 1000, ".3f")),
    *(("95 %", "gap_95", 1000, ".3f"), ("max", "gap_max", 1000, ".3f")),
    *(("time: computing %", "computing", 100, ".1f"), ("waiting %", "waiting", 100, ".1f")),
    ("queued %", "queued", 100, ".1f"),
)
_CLASS = dict(zip(OF_A_CLASS, CLASSES, strict=True))


@dataclass(frozen=True)
class Group:
    """The runs of one cell by seed, and the means of their figures over the seeds that define them."""

    cell: Cell
    runs: Mapping[int, Run]
    status: Mapping[int, str]

    @property
    def counted(self) -> dict[int, Run]:
        """The runs that the means are of: not those that still run, unless no other is there."""
        ended = {seed: run for seed, run in self.runs.items() if self.status[seed] != "running"}
        return ended or dict(self.runs)

    @property
    def figures(self) -> dict[str, float]:
        """Each figure's mean over the seeds."""
        rows = [np.array(list(run.figures.values())) for run in self.counted.values()]
        return dict(zip(FIGURES, mean_of_rows(rows).tolist(), strict=True))

    def by(self, what: str, name: str) -> np.ndarray:
        """Mean over the seeds of an array ``by_learner`` or ``by_class``."""
        return mean_of_rows([getattr(run, what)[name] for run in self.counted.values()])

    def curve(self, name: str) -> np.ndarray:
        """Mean over the seeds of an array of the runs'."""
        return mean_of_rows([getattr(run, name) for run in self.counted.values()])


def write_tables(groups: Sequence[Group], rounds: int, *, each_run: bool) -> None:
    """Prints two tables for each setting, and lines that explain their columns."""
    for setting in dict.fromkeys(group.cell.setting for group in groups):
        there = [group for group in groups if group.cell.setting == setting]
        if setting:
            print(f"{in_words(setting)}:")
        for columns in (WHO, WHEN):
            if each_run:
                _print_runs(there, columns)
            else:
                print_aligned(*means(there, columns), text_columns=1)
            print()
    if groups:
        print(definitions(groups, rounds, each_run=each_run))


def means(groups: Sequence[Group], columns: Sequence[tuple[str, str, int, str]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of one of the two tables, :data:`WHO` or :data:`WHEN`: the means over the seeds."""
    rows = [[group.cell.method, str(len(group.counted)), *_numbers(group.figures, columns)] for group in groups]
    return ["method", "seeds", *(column[0] for column in columns)], rows


def write_json(groups: Sequence[Group], unreadable: Sequence[UnreadableFileError], rounds: int) -> None:
    """Prints one JSON object: cells with their means, and each run with its arrays; undefined figures null."""
    document = {
        "window": rounds,
        "cells": [
            {
                "method": group.cell.method,
                "setting": dict(group.cell.setting),
                "seeds": list(group.counted),
                "figures": _defined(group.figures),
                "runs": [_run_fields(group, seed) for seed in group.runs],
            }
            for group in groups
        ],
        "fractions": FRACTIONS.tolist(),
        "unreadable": [{"file": str(error.path), "reason": error.reason} for error in unreadable],
    }
    json.dump(document, sys.stdout, indent=2, allow_nan=False)
    print()


def write_csv(groups: Sequence[Group], *, each_run: bool) -> None:
    """Prints a row for each cell, or for each run; undefined figures empty."""
    own = ("file", "seed", "status", *CLASSES) if each_run else ("seeds",)
    writer = csv.DictWriter(sys.stdout, ("method", "setting", *own, *FIGURES), lineterminator="\n")
    writer.writeheader()
    for group in groups:
        cell = {"method": group.cell.method, "setting": in_words(group.cell.setting)}
        if not each_run:
            writer.writerow(cell | {"seeds": len(group.counted)} | _defined(group.figures))
            continue
        for seed, run in group.runs.items():
            of_run = {"file": run.file, "seed": seed, "status": group.status[seed], **run.classes}
            writer.writerow(cell | of_run | _defined(run.figures))


def notes_on_methods(groups: Sequence[Group]) -> Iterator[str]:
    """A line on the methods whose weights are not all in the file."""
    own = dict.fromkeys(group.cell.method for group in groups if any(run.own_rule for run in group.runs.values()))
    if own:
        yield (
            f"note: {', '.join(own)}: gradients are, or may be, scaled by more than the rate, so these class "
            "weights say whose data was used, not how far it moved the model"
        )


def _print_runs(groups: Sequence[Group], columns: Sequence[tuple[str, str, int, str]]) -> None:
    rows = [
        [group.cell.method, run.file.name, str(seed), *_numbers(run.figures, columns, run.classes)]
        for group in groups
        for seed, run in group.runs.items()
    ]
    print_aligned(("method", "run", "seed", *(column[0] for column in columns)), rows, text_columns=2)


def _numbers(
    figures: Mapping[str, float],
    columns: Sequence[tuple[str, str, int, str]],
    classes: Mapping[str, int | None] | None = None,
) -> list[str]:
    """The figures as text, with the class in brackets that a figure belongs to."""
    cells = []
    for _, name, factor, form in columns:
        value = factor * figures[name]
        at = (classes or {}).get(_CLASS.get(name, ""))
        if form == _COUNT:
            form = ".0f" if value.is_integer() else ".1f"
        shown = number(value, form)
        cells.append(shown if at is None else f"{shown} ({at})")
    return cells


def definitions(groups: Sequence[Group], rounds: int, *, each_run: bool) -> str:
    """What the columns are, in lines."""
    lines = []
    if not each_run and any(len(group.runs) > 1 for group in groups):
        lines.append(
            "each figure is the mean of the seeds' own, where defined; running seeds count where none has ended"
        )
    window = "K" if rounds == 1 else f"{rounds} K"
    in_brackets = ", the class in brackets" if each_run else ""
    lines += [
        "updates used by learner, Jain = (sum x)^2 / (K sum x^2); weight = a class's weight in the used updates / its "
        f"share of the training set{in_brackets}",
        "TV = total variation of weights and shares, 0 alike to 1; windows = its mean over consecutive windows of "
        f"{window} used updates",
        "accuracy by class after the last epoch in %; r = Pearson's, of weight and accuracy; gap = root mean square of "
        "the weights' change",
        "time: share of K x the time of the last update, waiting includes the queue; - = undefined",
    ]
    return "\n".join(lines)


def _run_fields(group: Group, seed: int) -> dict[str, object]:
    run = group.runs[seed]
    return {
        "file": str(run.file),
        "seed": seed,
        "status": group.status[seed],
        "own_rule": run.own_rule,
        "figures": _defined(run.figures),
        **run.classes,
        "by_learner": {name: _list(values) for name, values in run.by_learner.items()},
        "by_class": {name: _list(values) for name, values in run.by_class.items()},
        "distance_by_window": _list(run.distance_by_window),
        "staleness": _list(run.staleness),
        "gap": _list(run.gap),
    }


def _defined(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _list(values: np.ndarray) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
