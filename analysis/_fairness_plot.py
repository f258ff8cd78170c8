"""Draws the methods of each setting side by side: updates, class weights, accuracies, delays, times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
from _cells import in_words, methods
from _fairness_measure import FRACTIONS
from _fairness_report import Group
from _lines import lines
from _style import STYLE
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

#: How the figure looks, while it is written too.
LOOK = STYLE | {"font.size": 8}

# Beside the colours: the first eight methods differ by them too.
_MARKERS = "os^Dvx*P"
# Shades of time: not the colours of the methods.
_TIMES = (("computing", "0.35"), ("queued", "0.65"), ("waiting otherwise", "0.88"))
# A few gradients that were very late would leave the others no room: distributions are drawn up to 99.5 %.
_SHOWN = -2
_TITLE_WIDTH = 105  # letters
# From so many on, dots by learner or class run into each other.
_MOST_DOTS = 40


def plot(groups: Sequence[Group], path: Path) -> None:
    """Writes the figure, nine panels for each setting; the suffix of ``path`` says the format."""
    with mpl.rc_context(LOOK):
        draw(groups, methods(group.cell for group in groups)).savefig(path)


def draw(groups: Sequence[Group], every: Sequence[str]) -> Figure:
    """Draws the figure.

    Args:
        groups: the cells.
        every: names of all methods, shown here or not, which the colours depend on.
    """
    names = [name for name in every if any(group.cell.method == name for group in groups)]
    settings = list(dict.fromkeys(group.cell.setting for group in groups))
    columns = max(1, min(len(names), 118 // (max(map(len, names)) + 8)))
    most = max(sum(group.cell.setting == setting for group in groups) for setting in settings)
    height = 5.9 + 0.13 * max(0, most - 6)
    with mpl.rc_context(LOOK):
        # A Figure of its own, without pyplot, draws to files only and needs no display.
        figure = Figure(figsize=(7.2, len(settings) * height + 0.2 * -(-len(names) // columns)), layout="constrained")
        parts = figure.subfigures(len(settings), 1, squeeze=False)[:, 0]
        handles = {}
        for setting, part in zip(settings, parts, strict=True):
            there = [group for group in groups if group.cell.setting == setting]
            handles |= _draw(part, there, every)
            if setting:
                part.suptitle(fill(in_words(setting), _TITLE_WIDTH), fontsize=9)
        shown = [name for name in names if name in handles]
        figure.legend([handles[name] for name in shown], shown, loc="outside upper center", ncols=columns)
        return figure


def _draw(part: SubFigure, groups: Sequence[Group], names: Sequence[str]) -> dict[str, Line2D]:
    """Draws one setting; returns a line of each method for the legend."""
    looks = lines(names)
    axes = part.subplots(3, 3)
    (updates, weight, accuracy), (staleness, gap, windows), (staleness_of, gap_of, times) = axes
    handles = {}
    ends: dict[Axes, list[float]] = {staleness: [], gap: []}
    for group in groups:
        i, look = names.index(group.cell.method), looks[group.cell.method]
        style = {"color": look.colour, "linewidth": 1.0}
        # The first lies on top and is the smallest, so that those below look out where all are alike.
        dots = style | {
            "marker": _MARKERS[i % len(_MARKERS)],
            "markersize": 2.4 + (0.9 * i if len(groups) < 6 else min(0.5 * i, 3)),
            "linewidth": 0.7,
        }
        dots |= {"zorder": 3 - 0.01 * i}
        line = style | {"linestyle": look.dash, "zorder": 3 - 0.01 * i}
        learner = group.by("by_learner", "learner")
        _dotted(updates, learner, group.by("by_learner", "updates"), dots)
        share = group.by("by_class", "relative_weight")
        handles[group.cell.method] = _dotted(weight, np.arange(len(share)), share, dots)
        _dotted(accuracy, np.arange(len(share)), 100 * group.by("by_class", "accuracy"), dots)
        for panel, name, factor in ((staleness, "staleness", 1), (gap, "gap", 1000)):
            quantiles = factor * group.curve(name)
            panel.plot(quantiles, FRACTIONS, drawstyle="steps-pre", **line)
            ends[panel].append(quantiles[_SHOWN])
        for panel, name, factor in ((staleness_of, "staleness_mean", 1), (gap_of, "gap_mean", 1000)):
            _dotted(panel, learner, factor * group.by("by_learner", name), dots)
        distance = group.curve("distance_by_window")
        _dotted(windows, 2 ** np.arange(len(distance)), distance, dots)
    _name(axes)
    for panel, end in ends.items():
        panel.set_xlim(0, 1.1 * max([*filter(np.isfinite, end), 0]) or 1)
        panel.set_ylim(0, 1.02)
    windows.set_xscale("log", base=2)
    doublings = max(len(group.curve("distance_by_window")) for group in groups)
    windows.xaxis.set_major_locator(FixedLocator([2**n for n in range(0, doublings, -(-doublings // 4) or 1)]))
    windows.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    windows.xaxis.set_minor_locator(NullLocator())
    _times(times, groups)
    return handles


def _dotted(axes: Axes, x: np.ndarray, y: np.ndarray, style: dict[str, Any]) -> Line2D:
    if len(x) > _MOST_DOTS:
        style = style | {"marker": ""}
    elif len(x) > _MOST_DOTS / 2:
        style = style | {"markersize": 0.6 * style["markersize"]}
    # Dots on the frame are drawn whole; of a line without any, matplotlib would take the room it does not need.
    (line,) = axes.plot(x, y, clip_on=not np.isfinite(y).any(), **style)
    return line


def _name(axes: np.ndarray) -> None:
    (updates, weight, accuracy), (staleness, gap, windows), (staleness_of, gap_of, _) = axes
    for panel, x, y in (
        (updates, "learner", "updates used"),
        (weight, "class", "class weight / share"),
        (accuracy, "class", "test accuracy (%)"),
        (staleness, "staleness", "fraction of updates"),
        (gap, "gap (×10⁻³)", "fraction of updates"),
        (windows, "window (rounds of K updates)", "distance of class weights"),
        (staleness_of, "learner", "mean staleness"),
        (gap_of, "learner", "mean gap (×10⁻³)"),
    ):
        panel.set_xlabel(x)
        panel.set_ylabel(y)
        panel.xaxis.set_major_locator(MaxNLocator(integer=panel is not gap, nbins=6, steps=(1, 2, 5, 10)))
    for panel in (updates, weight, windows, staleness_of, gap_of):
        panel.set_ylim(bottom=0)
    # Where all are fair, nothing is blown up to the full height.
    windows.set_ylim(top=max(windows.get_ylim()[1], 0.01))
    weight.axhline(1, color="0.6", linewidth=0.8, zorder=1)


def _times(axes: Axes, groups: Sequence[Group]) -> None:
    """A bar for each method: what learners do with their time."""
    figures = [group.figures for group in groups]
    computing = np.array([figure["computing"] for figure in figures])
    waiting = np.array([figure["waiting"] for figure in figures])
    queued = np.minimum([figure["queued"] for figure in figures], waiting)
    places, left = np.arange(len(groups)), np.zeros(len(groups))
    for (name, shade), values in zip(_TIMES, (computing, queued, waiting - queued), strict=True):
        values = np.nan_to_num(100 * values)
        axes.barh(places, values, 0.7, left=left, color=shade, label=name)
        left += values
    axes.set_yticks(
        places, [group.cell.method.replace(" (", "\n(") for group in groups], fontsize=7 if len(groups) < 8 else 6
    )
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("learners' time (%)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=3, fontsize=6, handlelength=0.8, columnspacing=0.8)
