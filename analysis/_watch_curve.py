"""Draws a curve with characters: pure functions from numbers to lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

# Of a braille character's 2 x 4 dots, row by row, the bit each one sets (Unicode 16.0, section 21.1).
_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK_BRAILLE = 0x2800
# Without Unicode a character has two dots, one above the other.
_ASCII = (" ", "'", ".", ":")


def plot(epoch: Sequence[int], percent: np.ndarray, width: int, rows: int, *, ascii_only: bool) -> list[str]:
    """A curve with its axes; nothing where there is nothing to draw or no room.

    Args:
        epoch: number of each evaluation's epoch.
        percent: accuracy of each in percent; NaN is a gap.
        width: characters in a line, all in all.
        rows: lines, the one below with the epochs included.
        ascii_only: draw with ASCII characters.

    Returns:
        The lines, without spaces at their ends.
    """
    finite = percent[np.isfinite(percent)]
    if not finite.size or width < 20 or rows < 4:
        return []
    low, high = nice_range(float(finite.min()), float(finite.max()))
    height = rows - 1
    marks = {0: f"{high:.7g} %", height - 1: f"{low:.7g} %"}
    if height % 2:
        marks[height // 2] = f"{(low + high) / 2:.7g} %"
    margin = max(map(len, marks.values()))
    tick, side, corner, floor = ("|", "|", "+", "-") if ascii_only else ("┤", "│", "└", "─")
    drawn = curve((percent - low) / (high - low), width - margin - 2, height, ascii_only=ascii_only)
    lines = [
        f"{marks.get(i, ''):>{margin}} {tick if marks.get(i) else side}{line}".rstrip() for i, line in enumerate(drawn)
    ]
    first, last = f" epoch {epoch[0]} ", f" {epoch[-1]}"
    run = width - margin - 2 - len(first) - len(last)
    axis = f"{first}{floor * run}{last}" if len(epoch) > 1 and run >= 1 else first.rstrip()
    return [*lines, f"{'':>{margin}} {corner}{axis}"]


def curve(height: np.ndarray, columns: int, rows: int, *, ascii_only: bool) -> list[str]:
    """A line through points at equal distances, from the first column to the last.

    Args:
        height: of each point, 0 (bottom) to 1 (top); NaN is a gap.
        columns: characters in a row.
        rows: of characters.
        ascii_only: 1 x 2 dots a character, of ASCII, instead of 2 x 4 dots, of braille.

    Returns:
        The rows, the highest first, each of ``columns`` characters.
    """
    wide, tall = (1, 2) if ascii_only else (2, 4)
    dots = np.zeros((rows * tall, columns * wide), bool)
    height = _thinned(height, dots.shape[1])
    last = max(len(height) - 1, 1)
    x = np.rint(np.arange(len(height)) / last * (dots.shape[1] - 1)).astype(int)
    finite = np.isfinite(height)
    y = np.rint((1 - np.where(finite, height, 0)) * (dots.shape[0] - 1)).astype(int)
    dots[y[finite], x[finite]] = True
    for i in np.flatnonzero(finite[:-1] & finite[1:]):
        steps = max(abs(x[i + 1] - x[i]), abs(y[i + 1] - y[i])) + 1
        between = (np.rint(np.linspace(z[i], z[i + 1], steps)).astype(int) for z in (y, x))
        dots[tuple(between)] = True
    cells = dots.reshape(rows, tall, columns, wide).swapaxes(1, 2)
    return ["".join(_characters(row, ascii_only=ascii_only)) for row in cells]


def bar(fraction: float, width: int, *, ascii_only: bool) -> str:
    """A bar that is full at 1."""
    full = math.floor(min(max(fraction, 0), 1) * width)
    done, left = ("#", "-") if ascii_only else ("█", "░")
    return done * full + left * (width - full)


def nice_range(low: float, high: float) -> tuple[float, float]:
    """A range around two numbers whose ends are multiples of 1, 2 or 5 times a power of ten, about 1/8 of it."""
    wanted = max((high - low) / 8, 0.01)
    power = 10.0 ** math.floor(math.log10(wanted))
    # The least step of 1, 2, 5 or 10 that is long enough; 1e-9: what 0.2 / 0.1 may lack.
    step = next(k * power for k in (1, 2, 5, 10) if k * power >= wanted * (1 - 1e-9))
    bottom, top = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return bottom * step, max(top, bottom + 1) * step


def _thinned(height: np.ndarray, columns: int) -> np.ndarray:
    """Of many points in one column of dots the lowest and the highest, in their order: the curve looks the same."""
    if len(height) <= 4 * columns:
        return height
    kept = []
    for part in np.array_split(height, columns):
        finite = np.flatnonzero(np.isfinite(part))
        ends = sorted((finite[np.argmin(part[finite])], finite[np.argmax(part[finite])])) if finite.size else (0, 0)
        kept += [part[i] for i in ends]
    return np.array(kept)


def _characters(row: np.ndarray, *, ascii_only: bool) -> Iterator[str]:
    for cell in row:
        if ascii_only:
            yield _ASCII[int(cell[0, 0]) + 2 * int(cell[1, 0])]
        else:
            bits = sum(bit for i, pair in enumerate(_BRAILLE) for j, bit in enumerate(pair) if cell[i, j])
            yield chr(_BLANK_BRAILLE + bits) if bits else " "
