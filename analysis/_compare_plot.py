"""Draws the accuracy of each method against updates, gradients, bytes and seconds, a row of panels a setting."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from _cells import in_words
from _compare_curves import COSTS
from _compare_measure import Group, Row
from _lines import lines
from _style import STYLE
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

# Where the best is above this, the axis is one of the errors: what tells good methods apart is at its upper end.
_GOOD = 0.9
_ERROR_TICKS = (0, 50, 80, 90, 95, 97, 98, 99, 99.5, 99.8, 99.9)
_MARKERS = "o^sDvPX"
_BYTES = ("bytes", "kB", "MB", "GB", "TB")
_COUNTS = ("", " (thousands)", " (millions)", " (billions)")


def plot(groups: Sequence[Group], path: Path) -> None:
    """Writes the figure; the suffix of ``path`` says the format."""
    names = list(dict.fromkeys(row.method for group in groups for row in group.rows))
    with mpl.rc_context(STYLE):
        draw(groups, styles(names)).savefig(path)


def draw(groups: Sequence[Group], looks: Mapping[str, Mapping[str, object]]) -> Figure:
    """Draws the figure.

    Args:
        groups: the settings.
        looks: how the line of each method is drawn, see :func:`styles`, in the order of the legend.
    """
    names = [name for name in looks if any(row.method == name for group in groups for row in group.rows)]
    with mpl.rc_context(STYLE):
        one = len(groups) == 1
        width = 7.2 if one else 10.5
        # As many columns as fit: an inch takes some 13 letters, a stroke as much as 9.
        columns = max(1, min(len(names), int(13 * width) // (max(map(len, names)) + 9)))
        height = (5.0 if one else 2.4 * len(groups)) + 0.2 * -(-len(names) // columns)
        # A Figure of its own, without pyplot, draws to files only and needs no display.
        figure = Figure(figsize=(width, height), layout="constrained")
        rows = figure.subfigures(len(groups), 1, squeeze=False)[:, 0]
        drawn = {}
        for part, group in zip(rows, groups, strict=True):
            if group.setting:
                part.suptitle(in_words(group.setting), fontsize=10)
            panels = part.subplots(*((2, 2) if one else (1, 4)), sharey=True).flat
            drawn |= _draw(list(panels), group, looks)
        ordered = [name for name in names if name in drawn]
        figure.legend([drawn[name] for name in ordered], ordered, loc="outside upper center", ncols=columns)
        return figure


def mean_curve(row: Row, cost: str, clock: str) -> tuple[np.ndarray, np.ndarray]:
    """Evaluation by evaluation, the means over the runs of what they had spent and of their accuracies.

    The curve ends with the first of the runs that does; one that has no evaluation is left out.
    """
    runs = [curve for curve in row.used if len(curve.accuracy)]
    length = min((len(curve.accuracy) for curve in runs), default=0)
    if not length:
        return np.empty(0), np.empty(0)
    spent = np.mean([curve.spent(cost, clock)[:length] for curve in runs], axis=0)
    return spent, np.mean([curve.accuracy[:length] for curve in runs], axis=0)


def styles(names: Sequence[str]) -> dict[str, dict[str, object]]:
    """How each method's line is drawn; markers tell apart those that are not by colour and dash."""
    found: dict[str, dict[str, object]] = {}
    seen: Counter[tuple[str, str]] = Counter()
    for name, line in lines(names).items():
        width = 1.7 if line.first else 0.9 if len(names) > 7 else 1.2
        found[name] = {
            "color": line.colour,
            "linestyle": line.dash,
            "linewidth": width,
            "zorder": 3 if line.first else 2,
        }
        twins = seen[line.colour, str(line.dash)]
        if twins:
            found[name] |= {"marker": _MARKERS[(twins - 1) % len(_MARKERS)], "markersize": 3.5, "markevery": 0.12}
        seen[line.colour, str(line.dash)] += 1
    return found


def _draw(panels: Sequence[Axes], group: Group, looks: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Draws one setting, and returns the line of each method for the legend."""
    drawn = {}
    highest = max((float(np.nanmax(c.accuracy, initial=0)) for row in group.rows for c in row.used), default=0)
    for axes, cost in zip(panels, COSTS, strict=True):
        curves = {row.method: mean_curve(row, cost, group.clock) for row in group.rows}
        largest = max((float(np.max(x)) for x, _ in curves.values() if len(x)), default=0)
        scale, label = _unit(cost, largest, group.clock)
        for method, (x, y) in curves.items():
            # A line of a single point is invisible, so that point gets a marker.
            look = ({"marker": "."} if np.isfinite(y).sum() == 1 else {}) | looks[method]
            (drawn[method],) = axes.plot(x / scale, 100 * y, **look)
        for target in group.targets:
            axes.axhline(100 * target, color="0.6", linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("test accuracy (%)")
    if highest > _GOOD:
        _error_axis(panels, highest)
    return drawn


def _unit(cost: str, largest: float, clock: str) -> tuple[float, str]:
    """The unit of the horizontal axis and its label."""
    if cost == "seconds":
        return 1, f"{clock} time (s)" if clock == "virtual" else "wall-clock time (s)"
    power = max(0, math.floor(math.log10(largest) / 3)) if largest >= 1 else 0
    if cost == "bytes":
        power = min(power, len(_BYTES) - 1)
        return 1000**power, f"sent ({_BYTES[power]})"
    # Tick labels of up to four digits are short enough as they are.
    power = 0 if largest < 10_000 else min(power, len(_COUNTS) - 1)
    return 1000**power, cost + _COUNTS[power]


def _error_axis(panels: Sequence[Axes], highest: float) -> None:
    """Makes the vertical axis, which the panels share, logarithmic in the error: 100 % less the accuracy."""
    top = min(100 * highest + 0.2 * (100 - 100 * highest), 99.95)

    def forward(accuracy: np.ndarray) -> np.ndarray:
        return -np.log(100.02 - np.minimum(accuracy, 100))

    def inverse(value: np.ndarray) -> np.ndarray:
        return 100.02 - np.exp(-value)

    axes = panels[0]
    axes.set_yscale("function", functions=(forward, inverse))
    axes.set_ylim(0, top)
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in _ERROR_TICKS if tick <= top]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    for axes in panels:
        if axes.get_ylabel():
            axes.set_ylabel("test accuracy (%), log error")
