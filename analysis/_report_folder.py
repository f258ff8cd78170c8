"""The runs that a report is about, read once for all of its sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import _script
from _cells import Cell, cells, load, methods, settings
from _results import Results, UnreadableFileError, read
from _stability_measure import Run, measure

Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Folder:
    """What was found.

    Attributes:
        runs: all that could be read, with their epochs.
        measured: the figures of each as a single run, by file.
        found: the runs in cells.
        unreadable: files that cannot be used at all.
        window: epochs of the running sigma.
        own: the method that the others are compared with, as the user named it.
    """

    runs: Sequence[Results]
    measured: Mapping[Path, Run]
    found: Mapping[Cell, Mapping[int, Results]]
    unreadable: Sequence[UnreadableFileError]
    window: int
    own: str

    @property
    def methods(self) -> list[str]:
        """All of them, whichever section shows them: so each has the same colour everywhere."""
        return methods(self.found)

    @property
    def settings(self) -> list[tuple[tuple[str, object], ...]]:
        """All of them, in order."""
        return settings(self.found)

    def each(
        self, measure: Callable[[Results], Measured], groups: Sequence[str] = ()
    ) -> tuple[dict[Cell, dict[int, Results]], dict[Path, Measured], list[UnreadableFileError]]:
        """Measures run by run, and leaves out those that cannot be.

        Args:
            measure: what is measured.
            groups: those that it needs besides the epochs. They are read for it and forgotten again, as a run may
                have millions of updates.

        Returns:
            The cells with the runs that are left, what was measured by file, and why others are not there.
        """

        def measure_one(run: Results) -> Measured:
            return measure(read(run.path, ("epochs", *groups)) if groups else run)

        errors: list[UnreadableFileError] = []
        kept = [run for by_seed in self.found.values() for run in by_seed.values()]
        _, measured = _script.each(kept, measure_one, errors)
        left = {
            cell: {seed: run for seed, run in by_seed.items() if run.path in measured}
            for cell, by_seed in self.found.items()
        }
        return {cell: by_seed for cell, by_seed in left.items() if by_seed}, measured, errors


def look_into(paths: Sequence[str], window: int, own: str) -> Folder:
    """Reads files, and all results files of folders."""
    loaded, unreadable = load(paths)
    runs, measured = _script.each(loaded, lambda run: measure(run, window), unreadable)
    return Folder(runs, measured, cells(runs), unreadable, window, own)
