"""Which line stands for which method: the same colour and dash in every figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from _style import COLOURS, DASHES

_BLUE, _RED, _GREEN, _PINK, _BLACK, _ORANGE, _SKY = COLOURS

# The paper's methods have the same colour whatever else is shown; those under SVRG that of their twin under SGD.
_SGD = {"DSGD": _BLUE, "PSGD-1": _GREEN, "PSGD-2": _PINK}
_SVRG = {"ASVRG": _BLUE, "DVRG-1": _GREEN, "DVRG-2": _PINK}
_PAPER = {"GSGM": _RED, **_SGD, **_SVRG}
# Colour, dash and dash with local momentum of all other methods, in turn; none of them is the paper's.
_OTHERS = (
    *((colour, DASHES[0], DASHES[1]) for colour in (_SKY, _BLACK, _ORANGE)),
    *((colour, DASHES[2], DASHES[3]) for colour in (_SKY, _BLACK, _ORANGE, _BLUE, _GREEN, _PINK)),
    *((colour, DASHES[4], (0, (9, 3))) for colour in (_SKY, _BLACK, _ORANGE, _BLUE, _GREEN, _PINK)),
)


@dataclass(frozen=True)
class Line:
    """How a method is drawn; ``first`` marks the paper's own, the strongest and on top."""

    colour: str
    dash: object
    first: bool = False


def lines(names: Sequence[str]) -> dict[str, Line]:
    """A line for each method, so that a name with and one without ``-LM`` share a colour.

    Args:
        names: the methods' names in the order in which they are shown.
    """
    others = cycle(_OTHERS)
    pairs: dict[tuple[str, str], tuple[str, object, object]] = {}
    given = set()
    found = {}
    for name in names:
        word, _, own = name.partition(" ")
        base = word.removesuffix("-LM")
        if (base, own) not in pairs:
            # Of several variants of one of the paper's methods, the first has its colour.
            if base in _PAPER and base not in given:
                pairs[base, own] = (_PAPER[base], DASHES[0], DASHES[1])
                given.add(base)
            else:
                pairs[base, own] = next(others)
        colour, dash, with_momentum = pairs[base, own]
        first = base == "GSGM" and colour == _PAPER["GSGM"]
        found[name] = Line(colour, dash if word == base else with_momentum, first)
    return found
