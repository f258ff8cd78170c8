"""Draws who did what when: a panel for each run, a row for each learner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
from _style import STYLE
from _table import number
from _timeline_figures import Figures, figures, times
from _timeline_intervals import Intervals, Kind
from _timeline_measure import Timeline, aligned
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, MaxNLocator

#: How the figure looks, for whoever writes it to a file.
LOOK = STYLE | {"font.size": 8, "axes.grid": False}

# Dark, middle and light also where they are printed in grey; blue and orange for the colour-blind.
_COLOURS = {
    Kind.COMPUTE: "#0072B2",
    Kind.QUEUE: "#E69F00",
    Kind.OVERLAP: "#E69F00",
    Kind.WAIT: "0.88",
    Kind.ABSENT: "white",
    Kind.FULL_GRADIENT: "#66C2A5",
}
_WORDS = {
    Kind.COMPUTE: "computing",
    Kind.QUEUE: "message in the queue",
    Kind.WAIT: "waiting otherwise",
    Kind.ABSENT: "absent",
    Kind.FULL_GRADIENT: "full gradient",
    Kind.UNKNOWN: "no record",
}
# Half the height of a row, and from where to where a message queues whose learner computes on.
_HALF = 0.4
_STRIP = (0.12, 0.4)
# From so many bars on they are a picture inside a PDF, not shapes.
_MOST_SHAPES = 4000
# From so many marks a panel on, they would hide the bars.
_MOST_MARKS = 700
_MOST_LINES = 60
_WIDTH = 7.2
_MOST_PIXELS = 30_000  # high; Agg takes twice as many


def draw(timelines: Sequence[Timeline]) -> Figure:
    """The runs below each other, on one scale of time: all windows are as long as the longest one."""
    with mpl.rc_context(LOOK):
        shown = aligned(timelines)
        heights = [_height(timeline) for timeline in shown]
        # A Figure of its own, without pyplot, draws to files only and needs no display.
        height = sum(heights) + 0.75
        figure = Figure(figsize=(_WIDTH, height), dpi=min(200, _MOST_PIXELS / height), layout="constrained")
        panels = figure.subplots(max(1, len(shown)), 1, squeeze=False, height_ratios=heights or None)[:, 0]
        if not shown:
            panels[0].set_axis_off()
        same = len({timeline.start_s for timeline in shown}) == 1
        marks = {}
        for panel, timeline, title in zip(panels, shown, _titles(shown), strict=False):
            marks |= _panel(panel, timeline, title)
            panel.tick_params(labelbottom=not same or timeline is shown[-1])
        clocks = " or ".join(dict.fromkeys(timeline.clock for timeline in shown))
        panels[-1].set_xlabel(f"{clocks} time (s)")
        there = {int(kind) for timeline in shown for kind in _inside(timeline).kind}
        figure.legend(handles=_legend(there, marks), loc="outside upper center", ncols=4, handlelength=1.6)
        return figure


def save(timelines: Sequence[Timeline], path: Path) -> None:
    """Writes the figure; the suffix of ``path`` says the format."""
    with mpl.rc_context(LOOK):
        draw(timelines).savefig(path, dpi="figure")


def _height(timeline: Timeline) -> float:
    """Of a panel, in inches: rows as high as they need be to be told apart."""
    rows = len(timeline.learners)
    return 0.62 + rows * float(np.interp(rows, [8, 30, 100], [0.15, 0.09, 0.052]))


def _titles(timelines: Sequence[Timeline]) -> list[str]:
    count = Counter(timeline.title for timeline in timelines)
    return [t.title if count[t.title] == 1 else f"{t.title} ({t.file.name})" for t in timelines]


def _panel(axes: Axes, timeline: Timeline, title: str) -> dict[str, Line2D]:
    """Draws one run; returns what its marks mean."""
    rows = len(timeline.learners)
    found = figures(timeline)
    axes.set_title(fill(title, 60), loc="left", fontsize=9, fontweight="bold")
    axes.set_title(_summary(timeline, found), loc="right", fontsize=7, color="0.25")
    axes.set_xlim(timeline.start_s, max(timeline.end_s, timeline.start_s + 1e-9))
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_ylabel("learner")
    _name_rows(axes, timeline.learners)
    axes.xaxis.set_major_locator(MaxNLocator(9, steps=(1, 2, 2.5, 5, 10)))
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    inside = _inside(timeline)
    if not len(inside.k):
        said = "nothing on record yet" if not timeline.length_s else f"the run ends at {timeline.length_s:.4g} s"
        axes.text(0.5, 0.5, said, transform=axes.transAxes, ha="center", va="center", color="0.4")
        return {}
    _bars(axes, inside)
    return _rounds(axes, timeline) | _marks(axes, timeline)


def _inside(timeline: Timeline) -> Intervals:
    return timeline.intervals.within(timeline.start_s, timeline.end_s)


def _summary(timeline: Timeline, found: Figures) -> str:
    mean = 100 * found.shares.mean(axis=0) if len(found.shares) else np.full(len(Kind), np.nan)
    parts = [
        f"{word} {number(mean[kind], '.0f')} %"
        for word, kind in (("computing", Kind.COMPUTE), ("queue", Kind.QUEUE), ("waiting", Kind.WAIT))
    ]
    if np.isfinite(found.least).any():
        parts.append(f"each used {times(found)} × {'a round' if timeline.rounds.own else 'from line to line'}")
    return ", ".join(parts)


def _name_rows(axes: Axes, learners: np.ndarray) -> None:
    every = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000, 10**9) if len(learners) / step <= 16)
    places = [i for i, k in enumerate(learners.tolist()) if every == 1 or k % every == 0 or i == 0]
    axes.yaxis.set_major_locator(FixedLocator(places))
    axes.set_yticklabels([str(learners[i]) for i in places])


def _bars(axes: Axes, inside: Intervals) -> None:
    for kind, colour in _COLOURS.items():
        which = inside.kind == kind
        if not which.any():
            continue
        top, bottom = _STRIP if kind == Kind.OVERLAP else (-_HALF, _HALF)
        if kind == Kind.FULL_GRADIENT:
            # All learners together: a band without gaps.
            top, bottom = -0.5, 0.5
        x0, x1, y = inside.start_s[which], inside.end_s[which], inside.k[which]
        corners = np.stack([[x0, y + top], [x0, y + bottom], [x1, y + bottom], [x1, y + top]]).transpose(2, 0, 1)
        bars = PolyCollection(
            corners.tolist(), facecolor=colour, edgecolor="none", linewidth=0, zorder=3 if kind == Kind.OVERLAP else 2
        )
        if kind == Kind.ABSENT:
            bars.set(hatch="/////", edgecolor="0.55")
        bars.set_rasterized(len(inside.k) > _MOST_SHAPES)
        axes.add_collection(bars, autolim=False)
        if kind == Kind.COMPUTE and len(x1) < _MOST_SHAPES:
            # A learner that never waits would be one long bar.
            axes.vlines(x1, y - _HALF, y + _HALF, color="white", linewidth=0.5, zorder=2.5)


def _rounds(axes: Axes, timeline: Timeline) -> dict[str, Line2D]:
    found = timeline.rounds
    edges = np.unique(np.concatenate([found.start_s, found.end_s]))
    edges = edges[(edges >= timeline.start_s) & (edges <= timeline.end_s)]
    if not len(edges) or len(edges) > _MOST_LINES:
        return {}
    look = (
        {"color": "black", "linestyle": "-", "linewidth": 1.1}
        if found.own
        else {"color": "black", "linestyle": (0, (1.5, 1.5)), "linewidth": 0.8}
    )
    for edge in edges:
        # On a white ground, or it could not be seen on the bars.
        axes.axvline(edge, zorder=4, clip_on=False, color="white", linewidth=2 if found.own else 1.4)
        axes.axvline(edge, zorder=4, clip_on=False, **look)
    word = "end of a round" if found.own else "all used at least once since"
    return {word: Line2D([], [], label=word, **look)}


def _marks(axes: Axes, timeline: Timeline) -> dict[str, Line2D]:
    inside = (timeline.used_s > timeline.start_s) & (timeline.used_s <= timeline.end_s)
    size = float(np.interp(len(timeline.learners), [8, 30, 100], [3.4, 2.2, 1.4]))
    looks = (
        ("used", timeline.applied, {"marker": "o", "markerfacecolor": "white", "markeredgewidth": 0.7}),
        ("dropped", ~timeline.applied, {"marker": "x", "markeredgewidth": 1.1, "markersize": size + 1.4}),
    )
    shown = {}
    for word, of, look in looks:
        which = inside & of
        if not which.any() or which.sum() > _MOST_MARKS:
            continue
        style = {"linestyle": "none", "markersize": size, "color": "black"} | look
        axes.plot(timeline.used_s[which], timeline.k[which], zorder=5, clip_on=False, **style)
        shown[word] = Line2D([], [], label=word, **style | {"markersize": 3.4 if word == "used" else 4.8})
    return shown


def _legend(kinds: set[int], marks: dict[str, Line2D]) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = []
    for kind, word in _WORDS.items():
        there = kind in kinds or (kind == Kind.QUEUE and Kind.OVERLAP in kinds)
        if not there:
            continue
        look = {"facecolor": _COLOURS.get(kind, "white")}
        if kind == Kind.ABSENT:
            look |= {"hatch": "/////", "edgecolor": "0.55", "linewidth": 0.0}
        if kind == Kind.UNKNOWN:
            look |= {"edgecolor": "0.7", "linewidth": 0.5}
        handles.append(Patch(label=word, **look))
    return handles + list(marks.values())
