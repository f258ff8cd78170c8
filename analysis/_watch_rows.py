"""Lays out several runs for a terminal: a row each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from _table import number, printable
from _watch_curve import bar
from _watch_read import Followed
from _watch_view import Line, rate
from _watch_warnings import duration, warnings

_BAR = 10
_HEADER = ("run", "status", "done", "left", "accuracy %", "peak %", "updates/s", "!")
# Where the terminal is narrow, columns are left out in this order.
_LEAST_WANTED = ("updates/s", "peak %", "left", "status")


def rows(followed: Sequence[Followed], width: int, height: int | None, *, ascii_only: bool) -> list[Line]:
    """A row a run, then each run's gravest warning as far as there is room; those in progress first."""
    shown = sorted(followed, key=lambda one: one.ended)
    table = [_HEADER, *(_row(one, ascii_only=ascii_only) for one in shown)]
    columns = list(range(len(_HEADER)))
    for name in ("", *_LEAST_WANTED):
        columns = [i for i in columns if _HEADER[i] != name]
        widths = {i: max(len(row[i]) for row in table) for i in columns}
        if sum(widths.values()) + 2 * (len(columns) - 1) <= width:
            break
    # A name is cut at its beginning: runs of one campaign often begin alike.
    spare = width - (sum(widths.values()) - widths[0] + 2 * (len(columns) - 1))
    widths[0] = max(min(widths[0], spare), 4)
    lines = [
        Line("  ".join(_aligned(row[i], widths[i], left=i < 3) for i in columns)[:width].rstrip(), style)
        for row, style in zip(table, ("bold", *map(_style, shown)), strict=True)
    ]
    alarms = [
        Line(printable(f"! {one.path.name}: {found[0].text}")[:width], "bold magenta")
        for one in shown
        if (found := warnings(one))
    ]
    if height is None or len(lines) + len(alarms) <= height:
        return lines + alarms
    if len(lines) < height:
        return [*lines, *alarms[: height - len(lines)]]
    return [*lines[: height - 1], Line(f"and {len(lines) - height + 1} more")]


def _row(one: Followed, *, ascii_only: bool) -> tuple[str, ...]:
    held = one.held
    if held is None:
        return printable(one.path.stem), "missing" if one.missing else "unreadable", *["-"] * 5, ""
    fraction = held.done / held.total if held.total else math.nan
    drawn = "" if math.isnan(fraction) else f"{bar(fraction, _BAR, ascii_only=ascii_only)} "
    last = held.accuracy[-1] if len(held.accuracy) else math.nan
    peak = math.nan if held.peak is None else held.accuracy[held.peak]
    return (
        printable(one.path.stem),
        printable(held.results.status),
        f"{drawn}{number(100 * fraction, '.0f'):>3} %",
        "-" if held.ended else duration(one.left_s),
        number(100 * last),
        number(100 * peak),
        rate(held.rates[0]),
        str(len(warnings(one)) or ""),
    )


def _style(one: Followed) -> str:
    return "dim" if one.ended else ""


def _aligned(cell: str, width: int, *, left: bool) -> str:
    if len(cell) > width:
        cell = ".." + cell[len(cell) - width + 2 :]
    return cell.ljust(width) if left else cell.rjust(width)
