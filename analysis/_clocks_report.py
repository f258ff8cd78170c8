"""Writes what clocks.py measured: tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from _clocks_measure import Difference, Run, every_value, quantile, shares
from _stability_report import short_names
from _table import number, print_aligned, text

_RUN_HEADER = (
    *("run", "method", "clock", "updates", "seconds", "updates/s", "way ms"),
    *("staleness: mean", "median", "95 %", "max"),
)
_DIFFERENCE_HEADER = (
    *("run", "against", "staleness distance", "largest share difference", "of learner"),
    *("first other update", "weights"),
)

# More rows than these are for --json; shown are then the learners that differ most.
_SHOWN_LEARNERS = 12


def write_tables(runs: Sequence[Run], differences: Sequence[Difference]) -> None:
    """Prints a row for each run, for each comparison with the first run, and for each learner."""
    names = short_names(runs)
    print_aligned(_RUN_HEADER, [[names[run.file], *_run_row(run)] for run in runs], text_columns=3)
    print()
    rows = [
        [
            *(names[difference.file], names[difference.against], number(difference.staleness_distance, ".3f")),
            *(number(100 * difference.largest_share_difference), text(difference.differing_learner)),
            *(text(difference.differing_update), "same" if difference.same_weights else "other"),
        ]
        for difference in differences
    ]
    print_aligned(_DIFFERENCE_HEADER, rows, text_columns=2)
    print("staleness distance: total variation, 0 alike to 1 nothing in common; shares in percentage points")
    print()
    learners = every_value([run.learner for run in runs])
    table = 100 * np.array([shares(run.learner, learners) for run in runs])
    shown = np.sort(np.argsort(-np.ptp(table, axis=0), kind="stable")[:_SHOWN_LEARNERS])
    rows = [[str(learners[i]), *(number(share) for share in table[:, i])] for i in shown]
    print_aligned(("learner", *(f"{names[run.file]} %" for run in runs)), rows, text_columns=1)
    if len(shown) < len(learners):
        print(f"the {len(shown)} of {len(learners)} learners whose share of the updates differs most")
    for run in runs:
        if run.status != "finished":
            print(f"note: {names[run.file]}: {run.status}, {len(run.learner)} updates so far")


def write_json(runs: Sequence[Run], differences: Sequence[Difference], path: Path) -> None:
    """Writes one JSON object: histograms as counts, distances and shares as fractions, undefined figures null."""
    document = {
        "runs": [_run_fields(run) for run in runs],
        "comparisons": [
            vars(difference) | {"file": str(difference.file), "against": str(difference.against)}
            for difference in differences
        ],
    }
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")


def _run_row(run: Run) -> list[str]:
    return [
        *(text(run.label), text(run.clock), str(len(run.learner)), number(run.seconds), number(_rate(run), ".1f")),
        *(number(1000 * run.way_s, "z.2f"), number(np.mean(run.staleness))),
        *(str(quantile(run.staleness, fraction)) for fraction in (0.5, 0.95, 1)),
    ]


def _run_fields(run: Run) -> dict[str, object]:
    return {
        "file": str(run.file),
        "label": run.label,
        "clock": run.clock,
        "status": run.status,
        "updates": len(run.learner),
        "seconds": _defined(run.seconds),
        "updates_per_second": _defined(_rate(run)),
        "way_s": _defined(run.way_s),
        "staleness_mean": float(np.mean(run.staleness)),
        "staleness_median": quantile(run.staleness, 0.5),
        "staleness_95_percent": quantile(run.staleness, 0.95),
        "staleness_max": quantile(run.staleness, 1),
        "staleness_counts": _counts(run.staleness),
        "learner_counts": _counts(run.learner),
    }


def _rate(run: Run) -> float:
    return len(run.learner) / run.seconds if run.seconds > 0 else math.nan


def _counts(column: np.ndarray) -> dict[str, int]:
    values, counts = np.unique(column, return_counts=True)
    return {str(value): int(count) for value, count in zip(values, counts, strict=True)}


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None
