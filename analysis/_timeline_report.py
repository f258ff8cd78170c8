"""Writes what timeline.py measured: a table for each run, and its intervals as CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from _table import number, print_aligned
from _timeline_figures import Figures, figures, times
from _timeline_intervals import Kind
from _timeline_measure import Timeline

# Up to so many learners have a row each.
_MOST_ROWS = 12
# Columns that are shown always, and those that are shown where they are not all zero.
_ALWAYS = (("computing %", Kind.COMPUTE), ("queued %", Kind.QUEUE), ("waiting %", Kind.WAIT))
_SOMETIMES = (
    ("absent %", Kind.ABSENT),
    ("full gradient %", Kind.FULL_GRADIENT),
    ("no record %", Kind.UNKNOWN),
    ("overlap %", Kind.OVERLAP),
)


def write_tables(timelines: Sequence[Timeline], *, each_learner: bool) -> None:
    """Prints a table for each run, and lines that explain the columns."""
    for timeline in timelines:
        _write_table(timeline, each_learner=each_learner)
        print()
    if timelines:
        print(
            "shares of the window: queued = the message is with the server, not used yet, and the learner idle; "
            "waiting = any other wait\n"
            "used, dropped: gradients; uses a round: messages of a learner used in the window's complete rounds, "
            "fewest to most\n"
            "round: the method's own under a white list and where learners meet; else until every learner has been "
            "used at least once\n"
            "- = undefined"
        )


def write_csv(timelines: Sequence[Timeline], path: Path) -> None:
    """Writes a row for each interval, cut to the window."""
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "learner", "kind", "start_s", "end_s", "update"))
        for timeline in timelines:
            inside = timeline.intervals.within(timeline.start_s, timeline.end_s)
            words = [kind.word for kind in Kind]
            rows = (timeline.learners[inside.k], inside.kind, inside.start_s, inside.end_s, inside.update)
            for learner, kind, start, end, update in zip(*(row.tolist() for row in rows), strict=True):
                writer.writerow((timeline.file, learner, words[kind], start, end, update or ""))


def _write_table(timeline: Timeline, *, each_learner: bool) -> None:
    found = figures(timeline)
    print(f"{timeline.title} ({timeline.file.name})")
    print(
        f"{timeline.start_s:.6g} s to {timeline.end_s:.6g} s of {timeline.length_s:.6g} s, {timeline.clock} time: "
        f"{timeline.chosen}"
    )
    if timeline.start_s >= timeline.length_s:
        print("nothing is on record there")
        return
    columns = [*_ALWAYS, *((name, kind) for name, kind in _SOMETIMES if found.shares[:, kind].any())]
    header = ("learner", *(name for name, _ in columns), "used", "dropped", "uses a round")
    print_aligned(header, _rows(timeline, found, [kind for _, kind in columns], each_learner), text_columns=1)
    what = "rounds of the method" if timeline.rounds.own else "rounds by count (the method has none)"
    mean = f", {found.round_s:.4g} s on average" if found.rounds else ""
    print(f"{found.rounds} complete {what}{mean}; uses of a learner in each: {times(found)}")


def _rows(timeline: Timeline, found: Figures, kinds: Sequence[Kind], each_learner: bool) -> list[list[str]]:
    learners = timeline.learners
    if each_learner or len(learners) <= _MOST_ROWS:
        rows = [[str(k), *_row(found, kinds, [i])] for i, k in enumerate(learners.tolist())]
    else:
        pace = timeline.pace_s
        # Of an even number the faster one of the two in the middle.
        known = np.argsort(pace, kind="stable")[: int(np.isfinite(pace).sum())]
        places = {"fastest": 0, "median": (len(known) - 1) // 2, "slowest": len(known) - 1}
        rows = [[f"{name} ({learners[known[i]]})", *_row(found, kinds, [known[i]])] for name, i in places.items()]
        rows = rows if len(known) else []
    return [*rows, ["mean", *_row(found, kinds, range(len(learners)))]]


def _row(found: Figures, kinds: Sequence[Kind], which: Sequence[int]) -> list[str]:
    which = np.asarray(which, np.int64)
    shares = found.shares[which]
    mean = shares.mean(axis=0) if len(which) else np.full(len(Kind), np.nan)
    least, most = found.least[which], found.most[which]
    own = Figures(shares, found.used, found.dropped, found.rounds, found.round_s, least, most)
    form = "d" if len(which) == 1 else ".1f"
    counts = [
        format(count[which].mean() if form == ".1f" else int(count[which][0]), form) if len(which) else "-"
        for count in (found.used, found.dropped)
    ]
    return [*(number(100 * mean[kind], ".1f") for kind in kinds), *counts, times(own)]
