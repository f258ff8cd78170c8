"""Draws accuracy above and running sigma below, a column for each panel, after the paper's figures 5 to 9."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import matplotlib as mpl
import numpy as np
from _figures_measure import Curve, Run, mean_curve
from _figures_scale import fit_accuracy
from _figures_sheets import Sheet
from _lines import Line
from _style import STYLE, log_axis
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

_NAMES = {
    "epoch": "epoch",
    "update": "updates",
    "gradients": "batch gradients",
    "seconds": "time",
    "bytes": "sent",
}
_WIDTH = {1: 4.2, 2: 5.6, 3: 7.2}  # inches; from four columns on 2.2 each
_PALE = 0.5


@dataclass(frozen=True)
class Panel:
    """One column: its heading, and accuracy and sigma of each method."""

    title: str
    accuracy: Mapping[str, Curve]
    sigma: Mapping[str, Curve]


@dataclass(frozen=True)
class Look:
    """What all figures of a call share.

    Attributes:
        lines: the line of each method.
        x: what the curves are drawn against, see :data:`_figures_measure.X_COLUMNS`.
        clock: whose seconds they are, where they are.
        scale: ``error`` or ``linear``, of the accuracies.
        window: epochs of the running sigma.
    """

    lines: Mapping[str, Line]
    x: str
    clock: str
    scale: str
    window: int


def panels_of(sheet: Sheet, curves: Mapping[Path, Run], x: str, band: str) -> list[Panel]:
    """The columns of a figure: mean curves of each method.

    Args:
        sheet: which runs go where.
        curves: of each run, by its file.
        x: what they are drawn against, see :data:`_figures_measure.X_COLUMNS`.
        band: see :data:`_figures_measure.BANDS`.
    """
    panels = []
    for heading, by_method in sheet.columns.items():
        accuracy, sigma = (
            {
                method: mean_curve([curves[run.path] for run in seeds], quantity, x != "epoch", band)
                for method, seeds in by_method.items()
            }
            for quantity in ("accuracy", "sigma")
        )
        panels.append(Panel(heading, accuracy, sigma))
    return panels


def plot(panels: Sequence[Panel], look: Look, paths: Sequence[Path]) -> None:
    """Writes one figure in each of the formats that the paths' suffixes say."""
    with mpl.rc_context(STYLE):
        figure = draw(panels, look)
        for path in paths:
            # Without its date, the same runs give the same file.
            figure.savefig(path, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)


def draw(panels: Sequence[Panel], look: Look) -> Figure:
    """Draws one figure."""
    with mpl.rc_context(STYLE):
        names = [name for name in look.lines if any(name in panel.accuracy for panel in panels)]
        width = _WIDTH.get(len(panels), 2.2 * len(panels))
        handles = [_handle(name, look.lines[name], len(names)) for name in names] + _marks(panels)
        # A Figure of its own, without pyplot, draws to files only and needs no display.
        figure = Figure(figsize=(width, 4.3), layout="constrained")
        figure.set_figheight(4.3 + 0.18 * _legend(figure, handles))
        grid = figure.subplots(2, len(panels), sharex="col", sharey="row", height_ratios=(3, 2), squeeze=False)
        largest = max((curve.x[-1] for panel in panels for curve in panel.accuracy.values() if curve.x.size), default=1)
        divisor, label = _unit(look, largest)
        for j, (panel, top, bottom) in enumerate(zip(panels, *grid, strict=True)):
            _draw(top, panel.accuracy, look, len(names), divisor)
            _draw(bottom, panel.sigma, look, len(names), divisor)
            heading = shorten(panel.title, 34, placeholder=" …")
            if len(panels) > 1:
                top.set_title(f"({_letter(j)}) {heading}", fontsize=9)
                bottom.set_title(f"({_letter(len(panels) + j)})", fontsize=9)
            elif heading:
                top.set_title(heading, fontsize=9)
            _say_what_is_missing(top, bottom, panel, look.window)
            bottom.set_xlabel(label)
            bottom.margins(x=0.02)
            bottom.set_xlim(left=0)
            bottom.xaxis.set_major_locator(MaxNLocator(5, integer=look.x == "epoch", steps=(1, 2, 5, 10)))
        fit_accuracy(grid[0, 0], [curve.mean for panel in panels for curve in panel.accuracy.values()], look.scale)
        log_axis(grid[1, 0], [np.empty(0), *(curve.mean for panel in panels for curve in panel.sigma.values())])
        grid[0, 0].set_ylabel("test accuracy (%)")
        grid[1, 0].set_ylabel(f"σ over {look.window} epochs\n(percentage points)")
        figure.align_ylabels()
        return figure


def _draw(axes: Axes, curves: Mapping[str, Curve], look: Look, many: int, divisor: float) -> None:
    for order, (name, curve) in enumerate(curves.items()):
        line = look.lines[name]
        # The first methods, the paper's own before all, lie above the later ones, and all lines above all bands.
        above = 4 - order / 1000
        style = {"color": line.colour, "linestyle": line.dash, "linewidth": _strength(line, many), "zorder": above}
        x = curve.x / divisor
        axes.fill_between(
            x, curve.low, curve.high, color=line.colour, alpha=1 / (many + 5), linewidth=0, zorder=above - 1
        )
        # A log axis has no place for 0, so a run that stands still is a gap below.
        mean = np.where(curve.mean > 0, curve.mean, np.nan)
        whole = curve.seeds == curve.of
        axes.plot(x, np.where(whole, mean, np.nan), **style, **_point(mean[whole]))
        # The stroke from the last point of all seeds to the first of fewer is already one of fewer.
        fewer = (curve.seeds > 0) & ~whole
        if fewer.any():
            near = fewer | np.append(fewer[1:], False) | np.append(False, fewer[:-1])
            axes.plot(x, np.where(near, mean, np.nan), **style | {"alpha": _PALE}, **_point(mean[near]))
        for place, value in curve.diverged:
            if value > 0:
                axes.plot(place / divisor, value, "x", color=line.colour, markersize=6, markeredgewidth=1.6, zorder=5)


def _say_what_is_missing(top: Axes, bottom: Axes, panel: Panel, window: int) -> None:
    none = not any(curve.x.size for curve in panel.accuracy.values())
    if none:
        top.text(0.5, 0.5, "no epoch yet", transform=top.transAxes, ha="center", color="0.4")
    if not any((curve.mean > 0).any() for curve in panel.sigma.values()):
        full = any(np.isfinite(curve.mean).any() for curve in panel.sigma.values())
        said = "no change of accuracy" if full else f"no {window} epochs yet"
        bottom.text(0.5, 0.5, said, transform=bottom.transAxes, ha="center", color="0.4")


def _unit(look: Look, largest: float) -> tuple[float, str]:
    """What x is divided by, and the name of the axis."""
    name = _NAMES[look.x]
    if look.x == "seconds":
        return 1, f"{look.clock} {name} (s)".strip()
    if look.x == "bytes":
        power = next((power for power in (12, 9, 6, 3) if largest >= 10**power), 0)
        return 10**power, f"{name} ({ {12: 'TB', 9: 'GB', 6: 'MB', 3: 'kB', 0: 'B'}[power] })"
    return (1000, f"{name} (thousands)") if largest >= 10_000 else (1, name)


def _legend(figure: Figure, handles: Sequence[Line2D]) -> int:
    """Puts a legend below, of as many columns as the width takes, and returns the number of its rows."""
    columns = min(len(handles), 8)
    while True:
        # A legend fills its columns one by one; dealt out so, its rows read in order.
        dealt = [handle for column in range(columns) for handle in handles[column::columns]]
        legend = figure.legend(
            handles=dealt, loc="outside lower center", ncols=columns, handlelength=2.8, columnspacing=1.6, fontsize=8
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return -(-len(handles) // columns)
        legend.remove()
        columns -= 1


def _handle(name: str, line: Line, many: int) -> Line2D:
    # Of a path, the end tells most; the narrowest figure takes some 56 letters.
    label = name if len(name) <= 56 else f"…{name[-55:]}"
    return Line2D([], [], color=line.colour, linestyle=line.dash, linewidth=_strength(line, many), label=label)


def _marks(panels: Sequence[Panel]) -> list[Line2D]:
    """Explains the marks that the figure has, and no others."""
    curves = [curve for panel in panels for curve in (*panel.accuracy.values(), *panel.sigma.values())]
    marks = []
    if any((curve.seeds[np.isfinite(curve.mean)] < curve.of).any() for curve in curves):
        marks.append(Line2D([], [], color="0.3", alpha=_PALE, label="pale: fewer seeds"))
    if any(curve.diverged for curve in curves):
        marks.append(Line2D([], [], color="0.3", marker="x", markersize=6, linestyle="none", label="diverged"))
    return marks


def _strength(line: Line, many: int) -> float:
    return 1.8 if line.first else 1.1 if many <= 10 else 0.9


def _point(y: np.ndarray) -> dict[str, object]:
    """A line of a single point is invisible, so that point gets a marker."""
    return {"marker": ".", "markersize": 5} if np.isfinite(y).sum() == 1 else {}


def _letter(i: int) -> str:
    return chr(ord("a") + i) if i < 26 else str(i + 1)
