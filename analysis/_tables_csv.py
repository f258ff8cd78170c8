"""Writes what tables.py measured as CSV: a row for each figure of a cell and for each comparison."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Mapping, Sequence

from _cells import Cell, in_words
from _estimates import estimate
from _stability_measure import Run
from _tables_measure import Comparison, Quantity, diverged, figures

_FIRST = ("kind", "quantity", "unit", "setting", "method", "rival")
_FIGURES = ("mean", "low", "high", "n", "sd", "p", "p_holm", "diverged", "seeds")


def write(
    found: Mapping[Cell, Mapping[int, Run]],
    quantities: Sequence[Quantity],
    own: str | None,
    compared: Mapping[Quantity, Sequence[Comparison]],
) -> None:
    """Prints a header and the rows, in full precision; what is undefined is empty.

    Args:
        found: the runs by cell and seed.
        quantities: figures of the cells.
        own: the method that is compared with the others.
        compared: its comparisons in each quantity.
    """
    options = list(dict.fromkeys(option for cell in found for option, _ in cell.setting))
    writer = csv.DictWriter(sys.stdout, (*_FIRST, *options, *_FIGURES), lineterminator="\n")
    writer.writeheader()
    for cell, runs in found.items():
        for quantity in quantities:
            mean = estimate(list(figures(runs, quantity).values()))
            row = {"kind": "cell", "quantity": quantity.name, "method": cell.method, **_setting(cell.setting)}
            row["unit"] = "%" if quantity.compared_by == "difference" else "points"
            row |= {"n": mean.n, "diverged": diverged(runs), "seeds": _seeds(runs)}
            row |= _defined({"mean": mean.mean, "low": mean.low, "high": mean.high, "sd": mean.sd})
            writer.writerow(row)
    for quantity, comparisons in compared.items():
        for comparison in comparisons:
            row = {"kind": "comparison", "quantity": quantity.name, "method": own, "rival": comparison.rival}
            row["unit"] = "points" if quantity.compared_by == "difference" else "%"
            row |= _setting(comparison.setting)
            row |= {"n": comparison.pairs.n, "diverged": comparison.diverged, "seeds": _seeds(comparison.seeds)}
            row |= _defined({"mean": comparison.gain, "low": comparison.low, "high": comparison.high})
            row |= _defined({"sd": comparison.pairs.sd, "p": comparison.pairs.p, "p_holm": comparison.p_holm})
            writer.writerow(row)


def _setting(setting: Sequence[tuple[str, object]]) -> dict[str, object]:
    return {"setting": in_words(setting), **dict(setting)}


def _seeds(seeds: Mapping[int, object] | Sequence[int]) -> str:
    return " ".join(map(str, seeds))


def _defined(values: Mapping[str, float]) -> dict[str, object]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}
