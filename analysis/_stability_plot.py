"""Draws accuracy and running sigma over the epochs, after the paper's figures 5 and 6."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from _stability_measure import Run
from _stability_report import short_names
from _style import COLOURS, DASHES, STYLE, log_axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def plot(runs: Sequence[Run], num_candidates: int, window: int, path: Path) -> None:
    """Writes the figure.

    Args:
        runs: the candidates, then their rivals.
        num_candidates: how many of them are candidates; they are drawn stronger and on top.
        window: epochs of the running sigma.
        path: where to; the suffix says the format.
    """
    with mpl.rc_context(STYLE):
        draw(runs, num_candidates, window).savefig(path)


def draw(runs: Sequence[Run], num_candidates: int, window: int) -> Figure:
    """Draws the figure; see :func:`plot`."""
    with mpl.rc_context(STYLE):
        names = labels(runs)
        # As many columns as fit: the width takes some 66 letters, a stroke as much as 10.
        columns = max(1, min(len(runs), 3, 66 // (max(map(len, names)) + 10)))
        legend_height = 0.2 * -(-len(runs) // columns)
        strong, weak = (1.6, 1.1) if len(runs) <= 5 else (1.2, 0.9)
        # A Figure of its own, without pyplot, draws to files only and needs no display.
        figure = Figure(figsize=(5.2, 4.6 + legend_height), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for i, (run, label) in enumerate(zip(runs, names, strict=True)):
            line = {
                "color": COLOURS[i % len(COLOURS)],
                "linestyle": DASHES[i % len(DASHES)],
                "linewidth": strong if i < num_candidates else weak,
                "zorder": 3 if i < num_candidates else 2,
            }
            # A log axis has no place for 0, so a run that stands still is a gap below.
            moving = np.where(run.running > 0, run.running, np.nan)
            top.plot(run.epoch, 100 * run.accuracy, label=label, **line, **_marker(run.accuracy))
            bottom.plot(run.epoch, 100 * moving, **line, **_marker(moving))
        top.set_ylabel("test accuracy (%)")
        bottom.set_ylabel(f"σ over {window} epochs\n(percentage points)")
        bottom.set_xlabel("epoch")
        bottom.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
        log_axis(bottom, [100 * run.running for run in runs])
        figure.align_ylabels()
        figure.legend(loc="outside upper center", ncols=columns, handlelength=3.2)
        return figure


def labels(runs: Sequence[Run]) -> list[str]:
    """Names each run by its method and by those options in which the runs differ.

    Where that does not tell two runs apart, the name of the file is added.
    """
    names = short_names(runs)
    options = {"learners": "K=", "model": "", "dataset": "", "partition": "", "seed": "seed "}
    varying = {
        option: prefix for option, prefix in options.items() if len({str(getattr(run, option)) for run in runs}) > 1
    }
    plain = []
    for run in runs:
        method = "/".join(str(part) for part in (run.label, run.algo) if part is not None)
        parts = (f"{prefix}{getattr(run, option)}" for option, prefix in varying.items())
        plain.append(", ".join((method or names[run.file], *parts)))
    return [
        label if plain.count(label) == 1 else f"{label} ({names[run.file]})"
        for run, label in zip(runs, plain, strict=True)
    ]


def _marker(y: np.ndarray) -> dict[str, str]:
    """A line of a single point is invisible, so that point gets a marker."""
    return {"marker": "."} if np.isfinite(y).sum() == 1 else {}
