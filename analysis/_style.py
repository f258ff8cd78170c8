"""How the figures of all scripts here look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, safe for the colour-blind, less its yellow, too pale for a line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")

# Five styles beside seven colours: the first 35 lines differ, and in grey print any five.
DASHES = (
    "-",
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (3, 1.2, 1, 1.2, 1, 1.2)),
)

STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # text stays text: journals refuse the default's outlines
}


def log_axis(axes: Axes, curves: Sequence[np.ndarray]) -> None:
    """Makes the vertical axis logarithmic, with plain numbers as ticks, and fits it to the curves."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    moving = np.concatenate(curves)
    moving = moving[moving > 0]
    low, high = (moving.min() / 1.3, moving.max() * 1.3) if moving.size else (0.1, 10)
    # At least a decade, lest the axis have no tick, and never noise blown up to its full height.
    widen = max(1, np.sqrt(10 * low / high))
    axes.set_ylim(low / widen, high * widen)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1e3 else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
