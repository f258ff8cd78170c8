"""The figures of a window: shares of time, gradients used, and how often each learner was used in a round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from _timeline_events import ROUNDING
from _timeline_intervals import Kind
from _timeline_measure import Timeline


@dataclass(frozen=True)
class Figures:
    """The figures of a window. Shares are fractions of it; arrays have an entry a learner.

    Attributes:
        shares: of each :class:`Kind`, shape (learners, kinds); NaN where the window is empty. They sum up to 1 without
            ``OVERLAP``; of a window that goes on after the run, only the part before its end counts.
        used, dropped: gradients after the window's beginning, up to its end.
        rounds: complete rounds in the window.
        round_s: their mean length; NaN: there is none.
        least, most: messages of each learner used in the round with the fewest and the most, of the complete rounds in
            which it was present throughout; NaN: there is none.
    """

    shares: np.ndarray
    used: np.ndarray
    dropped: np.ndarray
    rounds: int
    round_s: float
    least: np.ndarray
    most: np.ndarray


def figures(timeline: Timeline) -> Figures:
    """Computes the figures of the window."""
    learners = len(timeline.learners)
    start, end = timeline.start_s, timeline.end_s
    length = min(end, timeline.length_s) - start
    seconds = timeline.intervals.within(start, end).seconds(learners)
    inside = (timeline.used_s > start) & (timeline.used_s <= end)
    used, dropped = (
        np.bincount(timeline.k[which], weights=timeline.gradients[which], minlength=learners).astype(np.int64)
        for which in (inside & timeline.applied, inside & ~timeline.applied)
    )
    found, small = timeline.rounds, 2 * ROUNDING * timeline.length_s
    whole = np.flatnonzero((found.start_s >= start - small) & (found.end_s <= end + small))
    least, most = _uses(timeline, whole)
    return Figures(
        shares=seconds / length if length > 0 else np.full((learners, len(Kind)), np.nan),
        used=used,
        dropped=dropped,
        rounds=len(whole),
        round_s=float(np.mean((found.end_s - found.start_s)[whole])) if len(whole) else np.nan,
        least=least,
        most=most,
    )


def _uses(timeline: Timeline, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fewest and most messages of each learner used in these rounds, but for those in which it was away."""
    found, learners = timeline.rounds, len(timeline.learners)
    if not len(whole):
        return np.full(learners, np.nan), np.full(learners, np.nan)
    counts = np.zeros((len(whole), learners))
    counted = np.isin(found.of_use, whole)
    # The rounds know of uses only.
    k = timeline.k[timeline.applied][counted]
    np.add.at(counts, (np.searchsorted(whole, found.of_use[counted]), k), 1)
    away = np.zeros(counts.shape, bool)
    absent = timeline.intervals.kind == Kind.ABSENT
    columns = (timeline.intervals.k, timeline.intervals.start_s, timeline.intervals.end_s)
    for k, start, end in zip(*(values[absent].tolist() for values in columns), strict=True):
        away[(found.start_s[whole] < end) & (found.end_s[whole] >= start), k] = True
    never = away.all(axis=0)
    least = np.where(never, np.nan, np.where(away, np.inf, counts).min(axis=0))
    most = np.where(never, np.nan, np.where(away, -np.inf, counts).max(axis=0))
    return least, most


def times(found: Figures) -> str:
    """How often a learner was used in a round, over all of them, e.g. ``1`` or ``1 to 4``."""
    present = np.isfinite(found.least)
    if not present.any():
        return "-"
    low, high = int(found.least[present].min()), int(found.most[present].max())
    return f"{low}" if low == high else f"{low} to {high}"
