"""Draws the staleness histograms of runs, and each learner's share of the updates, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from _clocks_measure import Run, every_value, quantile, shares
from _stability_report import short_names
from _style import COLOURS, STYLE
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# As many groups of bars as can be told apart; a wider range is put in bins.
_MOST_BARS = 30
# A few gradients that were very late would leave the others no room, so they share the last bar.
_SHOWN = 0.99


def plot(runs: Sequence[Run], path: Path) -> None:
    """Writes the figure; the suffix of ``path`` says the format."""
    names = short_names(runs)
    labels = [names[run.file] + ("" if run.clock is None else f" ({run.clock})") for run in runs]
    with mpl.rc_context(STYLE):
        columns = max(1, min(len(runs), 90 // (max(map(len, labels)) + 8)))
        # A Figure of its own, without pyplot, draws to files only and needs no display.
        figure = Figure(figsize=(7.2, 2.7 + 0.2 * -(-len(runs) // columns)), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        last = max(quantile(run.staleness, _SHOWN) for run in runs) + 1
        more = f" (last: {last} and more)" if any(np.max(run.staleness) > last for run in runs) else ""
        _bars(left, [np.minimum(run.staleness, last) for run in runs], "staleness" + more, labels)
        _bars(right, [run.learner for run in runs], "learner")
        left.set_ylabel("share of the updates (%)")
        figure.legend(loc="outside upper center", ncols=columns, handlelength=1.2)
        figure.savefig(path)


def _bars(axes: Axes, columns: Sequence[np.ndarray], name: str, labels: Sequence[str] | None = None) -> None:
    """A group of bars for each value, a bar for each column."""
    values = every_value(columns)
    low, high = int(values[0]), int(values[-1])
    size = -(-(high - low + 1) // _MOST_BARS)
    bins = np.arange((high - low) // size + 1)
    # The centre of the integers in a bin.
    centres = low + size * bins + (size - 1) / 2
    width = 0.8 * size / len(columns)
    for i, column in enumerate(columns):
        heights = 100 * shares((column - low) // size, bins)
        place = centres + (i - (len(columns) - 1) / 2) * width
        axes.bar(place, heights, width, color=COLOURS[i % len(COLOURS)], label=labels[i] if labels else None)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel(name if size == 1 else f"{name}, in bins of {size}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
