"""Tables for people, as all scripts here print them: aligned columns, and a dash for what is undefined."""

from __future__ import annotations

import math
from collections.abc import Sequence


def text(value: object) -> str:
    """Whatever it is as text; None as a dash."""
    return "-" if value is None else str(value)


def printable(text: str) -> str:
    """A text with a blank for each control character: a name or an error must not move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def number(value: float, form: str = ".2f") -> str:
    """A number in that format; NaN as a dash."""
    return "-" if math.isnan(value) else format(value, form)


def print_aligned(header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int) -> None:
    """Prints the first columns flush left, as text, and the rest flush right, as numbers."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        cells = [
            cell.ljust(width) if i < text_columns else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
