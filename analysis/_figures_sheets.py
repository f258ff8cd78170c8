"""Which runs go into which figure, what its file is called and what its caption has to say."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from _cells import Cell, in_words
from _figures_measure import BANDS, LEAST_SEEDS
from _results import Results

#: Options that make columns, the first that varies.
PANELS = ("learners", "partition", "speeds")

# Names of files have at most 255 bytes.
_LONGEST = 150


@dataclass
class Sheet:
    """One figure.

    Attributes:
        setting: what its runs have in common of what differs elsewhere; see :class:`_cells.Cell`.
        columns: heading of each column, with its runs by method, one for each seed.
    """

    setting: tuple[tuple[str, object], ...]
    columns: dict[str, dict[str, Sequence[Results]]] = field(default_factory=dict)

    @property
    def runs(self) -> list[Results]:
        """All runs of the figure."""
        return [run for methods in self.columns.values() for seeds in methods.values() for run in seeds]

    def caption(self, window: int, band: str, numbers: Collection[int]) -> str:
        """What is drawn, in a line; ``numbers`` are those of the seeds of each curve that has a point."""
        least, most = min(numbers, default=0), max(numbers, default=0)
        seeds = f"{most}" if least == most else f"{least} to {most}"
        single, few = most <= 1, band == "ci" and most < LEAST_SEEDS
        headings = ", ".join(self.columns)
        parts = (
            in_words(self.setting),
            f"columns: {headings}" if len(self.columns) > 1 else headings,
            ("lines: a single seed" if most else "no epoch yet") if single else f"lines: mean over {seeds} seeds",
            "no band" if single or band == "none" or few else f"band: {BANDS[band]}",
            f"sigma: over {window} epochs (ddof=0)",
        )
        return "; ".join(part for part in parts if part)


def sheets(shown: Mapping[Cell, Sequence[Results]], panel_option: str | None) -> list[Sheet]:
    """A figure for each setting less the panel option, of which each value is a column."""
    found: dict[object, Sheet] = {}
    for cell, seeds in shown.items():
        setting = tuple((option, value) for option, value in cell.setting if option != panel_option)
        heading = ""
        if panel_option is not None:
            # An option that does not vary is in no setting.
            value = dict(cell.setting).get(panel_option, seeds[0].option(panel_option))
            heading = in_words(((panel_option, value),))
        sheet = found.setdefault(setting, Sheet(setting))
        sheet.columns.setdefault(heading, {})[cell.method] = seeds
    return list(found.values())


def first_varying(shown: Iterable[Cell]) -> str | None:
    """The option whose values are columns where none is asked for; None where none of them varies."""
    varying = {option for cell in shown for option, _ in cell.setting}
    return next((option for option in PANELS if option in varying), None)


def stems(every: Sequence[Sheet], x: str) -> list[str]:
    """The name of each figure's files without the suffix: made of its setting, and safe on every file system."""
    first = "accuracy-sigma" if x == "epoch" else f"accuracy-sigma-by-{x}"
    names = ["--".join([first, *(_plain(option, value) for option, value in sheet.setting)]) for sheet in every]
    # Two settings can differ in nothing but what a name cannot have; and what is cut off can be all that differs.
    return [
        name
        if names.count(name) == 1 and len(name) <= _LONGEST
        else f"{name[:_LONGEST]}-{zlib.crc32(repr(sheet.setting).encode()):08x}"
        for name, sheet in zip(names, every, strict=True)
    ]


def _plain(option: str, value: object) -> str:
    text = f"{option}-{'none' if value is None else value}"
    return re.sub(r"[^a-z0-9._]+", "-", text.casefold()).strip("-.")
