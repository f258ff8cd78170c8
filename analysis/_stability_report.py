"""Writes what stability.py measured: a table for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from _results import UnreadableFileError
from _stability_measure import Comparison, Run
from _table import number, print_aligned, text

_RUN_HEADER = (
    *("run", "method", "K", "partition", "seed", "status", "epochs"),
    *("peak %", "at", "final %", "sigma all", "sigma run", "sigma tail"),
)
_PAIR_HEADER = ("run", "against", "accuracy gain", "stability gain: all", "run", "tail")

# The names of JSON's keys and CSV's columns.
_RUN_FIELDS = (
    *("file", "method", "label", "algo", "dataset", "model", "learners", "partition", "seed", "status"),
    *("epochs", "peak_accuracy", "peak_epoch", "final_accuracy"),
    *("sigma_all", "sigma_running", "sigma_tail"),
)
_GAIN_FIELDS = (
    "accuracy_gain_points",
    "stability_gain_all_percent",
    "stability_gain_running_percent",
    "stability_gain_tail_percent",
)


def write_table(runs: Sequence[Run], pairs: Sequence[Comparison], window: int) -> None:
    """Prints the aligned tables, each with a line that explains its columns."""
    names = short_names(runs)
    if runs:
        print_aligned(*run_rows(runs), text_columns=6)
        print(definitions(window))
    if pairs:
        print()
        print_aligned(_PAIR_HEADER, [_pair_row(names, pair) for pair in pairs], text_columns=2)
        print("accuracy gain in points: peak - rival's peak; stability gain in %: 1 - sigma / rival's sigma")


def run_rows(runs: Sequence[Run]) -> tuple[Sequence[str], list[list[str]]]:
    """Header and rows of the table of runs."""
    names = short_names(runs)
    return _RUN_HEADER, [_run_row(names, run) for run in runs]


def definitions(window: int) -> str:
    """What the columns of the table of runs are."""
    return (
        "accuracy in %, sigma in points of it (ddof=0): all = all epochs, "
        f"run = mean over each {window} epochs, "
        "tail = last quarter about its trend; - = undefined"
    )


def write_notes(runs: Sequence[Run], stream: TextIO) -> None:
    """Prints a line for each run whose figures are not those of a finished run."""
    names = short_names(runs)
    for run in runs:
        if run.status != "finished":
            planned = "" if run.planned_epochs is None else f"of {run.planned_epochs} "
            print(
                f"note: {names[run.file]}: {run.status}, {len(run.epoch)} {planned}epochs so far",
                file=stream,
            )


def write_json(
    runs: Sequence[Run],
    pairs: Sequence[Comparison],
    unreadable: Sequence[UnreadableFileError],
    window: int,
) -> None:
    """Prints one JSON object; accuracies and sigmas are fractions, undefined figures null."""
    document = {
        "window": window,
        "ddof": 0,
        "runs": [_run_fields(run) for run in runs],
        "comparisons": [{"file": str(pair.file), "against": str(pair.against), **_gain_fields(pair)} for pair in pairs],
        "unreadable": [{"file": str(e.path), "reason": e.reason} for e in unreadable],
    }
    json.dump(document, sys.stdout, indent=2, allow_nan=False)
    print()


def write_csv(runs: Sequence[Run], pairs: Sequence[Comparison]) -> None:
    """Prints a row for each run, or for each pair where the run is compared with rivals."""
    header = (*_RUN_FIELDS, "against", *_GAIN_FIELDS)
    writer = csv.DictWriter(sys.stdout, header, lineterminator="\n")
    writer.writeheader()
    for run in runs:
        own = [pair for pair in pairs if pair.file == run.file]
        for pair in own:
            writer.writerow({**_run_fields(run), "against": pair.against, **_gain_fields(pair)})
        if not own:
            writer.writerow(_run_fields(run))


def short_names(runs: Sequence[Run]) -> Mapping[Path, str]:
    """Names each run by its file's name, or by its path where two files have the same name."""
    return short_paths([run.file for run in runs])


def short_paths(files: Sequence[Path]) -> Mapping[Path, str]:
    """The name of each file, or its path where two files have the same name."""
    seen = Counter(file.name for file in files)
    return {file: file.name if seen[file.name] == 1 else str(file) for file in files}


def _run_row(names: Mapping[Path, str], run: Run) -> list[str]:
    figures = (run.final_accuracy, run.sigma_all, run.sigma_running, run.sigma_tail)
    return [
        names[run.file],
        f"{text(run.label)}/{text(run.algo)}",
        *(text(option) for option in (run.learners, run.partition, run.seed)),
        run.status,
        str(len(run.epoch)),
        number(100 * run.peak_accuracy),
        text(run.peak_epoch),
        *(number(100 * figure) for figure in figures),
    ]


def _pair_row(names: Mapping[Path, str], pair: Comparison) -> list[str]:
    gains = (getattr(pair, field) for field in _GAIN_FIELDS)
    return [names[pair.file], names[pair.against], *(number(gain, "+.2f") for gain in gains)]


def _run_fields(run: Run) -> dict[str, object]:
    values = {field: getattr(run, field) for field in _RUN_FIELDS if field != "epochs"}
    values |= {"file": str(run.file), "epochs": len(run.epoch)}
    return {field: _defined(values[field]) for field in _RUN_FIELDS}


def _gain_fields(pair: Comparison) -> dict[str, object]:
    return {field: _defined(getattr(pair, field)) for field in _GAIN_FIELDS}


def _defined(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value
