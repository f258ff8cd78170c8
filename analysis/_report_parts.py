"""What a report is made of: sections of tables and pictures, still without any HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import ClassVar

from _results import UnreadableFileError
from _tables_format import Entry, Table, parts

# On paper, longer words are broken over lines.
_LONGEST_ON_PAPER = 22
# Tables of more rows scroll in a box of their own.
_MOST_ROWS = 40
# Longer names are not squeezed.
_LONG = 18
# Of words in one place more than these, they are broken over lines.
_WORDY = 44
# How numbers begin, and ``2 steady`` does not.
_NUMBER = r"-($| )|[-+<]?\d+(\.\d+)?(e[-+]?\d+)?[*]?($| (?![a-z]{4}))"
# Letters of a picture are 12 pixels high at its own width.
_LEAST_SIZE = 0.75


@dataclass(frozen=True)
class Grid:
    """A table as it stands on the page.

    Attributes:
        header: groups of columns: what they have in common, empty where nothing, and each one's own name.
        numbers: of each column, whether it holds numbers.
        bodies: groups of rows: a heading, empty where there is none, and an entry for each column.
    """

    header: Sequence[tuple[str, Sequence[str]]]
    numbers: Sequence[bool]
    bodies: Sequence[tuple[str, Sequence[Sequence[Entry]]]]

    @property
    def long_names(self) -> bool:
        """Whether the first column is of names that need room."""
        return any(len(line) > _LONG for _, rows in self.bodies for row in rows for line in row[0].lines)

    @property
    def wordy(self) -> bool:
        """Whether some place has whole sentences."""
        lines = (line for _, rows in self.bodies for row in rows for entry in row[1:] for line in entry.lines)
        return any(len(line) > _WORDY for line in lines)


@dataclass(frozen=True)
class Shown:
    """A table with its title, for the screen and for paper, where a wide one is in parts."""

    kind: ClassVar[str] = "table"
    title: str
    screen: Grid
    paper: Sequence[Grid]
    remarks: Sequence[str]

    @property
    def tall(self) -> bool:
        """Whether it has many rows."""
        return sum(len(rows) for _, rows in self.screen.bodies) > _MOST_ROWS


@dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes:
        markup: an SVG or img element, safe to put in a page.
        width: in CSS pixels, at which its letters have the size that they were drawn for.
        caption: what it shows, with the definitions.
    """

    kind: ClassVar[str] = "picture"
    markup: str
    width: int
    caption: str

    @property
    def least(self) -> int:
        """Width in CSS pixels below which it would be too small to read, so that it scrolls instead."""
        return round(_LEAST_SIZE * self.width)


@dataclass(frozen=True)
class Part:
    """What belongs together under one heading, which may be empty: mostly one setting."""

    heading: str
    blocks: Sequence[Shown | Picture]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Section:
    """One question and what the runs say about it.

    Attributes:
        name: of its place on the page.
        title: its heading.
        lead: how to read it.
        parts: in order.
        notes: what to know of single runs.
        errors: files of which it could not be told, in addition to those that could not be read at all.
        facts: names and values that come first.
    """

    name: str
    title: str
    lead: Sequence[str]
    parts: Sequence[Part]
    notes: Sequence[str] = ()
    errors: Sequence[UnreadableFileError] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def shown(table: Table, turned: bool = False) -> Shown:
    """Lays a table out; of one that has a column of settings before the methods, each setting is a group of rows.

    Args:
        table: as it would be printed.
        turned: whether its rows become columns.
    """
    if turned:
        table = _turned(table)
    every = range(len(table.header))
    pieces = parts(table, _LONGEST_ON_PAPER)
    paper = [_grid(table, piece) for piece in pieces] if len(pieces) > 1 else []
    return Shown(table.title, _grid(table, every), paper, table.remarks)


def plain(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], remarks: Sequence[str] = ()) -> Table:
    """A table of texts, the first column words; each column named ± joins the one before it."""
    joined = [i for i, name in enumerate(header) if name == "±"]
    kept = [i for i in range(len(header)) if i not in joined]
    entries = [[Entry((row[i] + (f" ± {row[i + 1]}" if i + 1 in joined else ""),)) for i in kept] for row in rows]
    return Table(title, [header[i] for i in kept], entries, 1, remarks)


def _turned(table: Table) -> Table:
    names = ["method", *(row[0].lines[0] for row in table.rows)]
    columns = range(1, len(table.header))
    rows = [[Entry((table.header[i],)), *(row[i] for row in table.rows)] for i in columns]
    return Table(table.title, names, rows, 1, table.remarks)


def _grid(table: Table, columns: Sequence[int]) -> Grid:
    """Those columns of a table."""
    names = _named(table.header)
    bodies: list[tuple[str, list[Sequence[Entry]]]] = []
    by_setting = table.header[0] == "setting" and table.text_columns > 1
    columns = columns[1:] if by_setting else columns
    for row in table.rows:
        # A setting is named in the first of its rows alone.
        heading = row[0].lines[0] if by_setting else ""
        if heading or not bodies:
            bodies.append((heading, []))
        bodies[-1][1].append([row[i] for i in columns])
    grouped = groupby([names[i] for i in columns], key=lambda name: name[0])
    header = [(common, [name for _, name in group]) for common, group in grouped]
    return Grid(header, _numbers([row for _, rows in bodies for row in rows], len(columns)), bodies)


def _numbers(rows: Sequence[Sequence[Entry]], columns: int) -> list[bool]:
    """Of each column, whether whatever stands in it begins as numbers do, or is undefined."""
    return [bool(i) and all(re.match(_NUMBER, row[i].lines[0]) for row in rows) for i in range(columns)]


def _named(header: Sequence[str]) -> list[tuple[str, str]]:
    """Of columns named ``updates: min``, ``max``, ...: what stands before a colon, until the next, and its own name."""
    named, common = [], ""
    for name in header:
        before, colon, after = name.partition(": ")
        common = before if colon else common
        named.append((common, after if colon else name))
    return named
