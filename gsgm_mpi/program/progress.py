"""What rank 0 prints: dated lines, flushed at once, because a launcher's pipe is no terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any


def duration(seconds: float) -> str:
    """``m:ss`` or ``h:mm:ss``."""
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"


class Progress:
    """One line every few seconds, and one at the end.

    Args:
        epochs: of the whole run.
        updates: of the whole run.
        every_s: seconds between lines.
        clock: seconds, steadily rising.
        say: prints one dated line.
    """

    def __init__(
        self,
        epochs: int,
        updates: int,
        every_s: float,
        *,
        clock: Callable[[], float],
        say: Callable[[str], None],
    ) -> None:
        self._epochs = epochs
        self._updates = updates
        self._every_s = every_s
        self._clock = clock
        self._say = say
        self._began = self._printed_at = clock()
        self._printed_update = self._first_update = 0
        self._row: Mapping[str, Any] | None = None

    def resume(self, update: int) -> None:
        """What was done before does not count for the pace."""
        self._first_update = self._printed_update = update

    def on_epoch(self, row: Mapping[str, Any]) -> None:
        """Takes note of the newest row of ``/epochs``."""
        self._row = row

    def tick(self, update: int) -> None:
        """Prints a line where one is due."""
        now = self._clock()
        if now - self._printed_at < self._every_s:
            return
        rate = (update - self._printed_update) / (now - self._printed_at)
        self._printed_at, self._printed_update = now, update
        pace = (update - self._first_update) / (now - self._began)
        left = duration((self._updates - update) / pace) if pace > 0 else "?"
        self._say(f"{self._where(update)}  {rate:.3g} updates/s  {left} left")

    def last(self, update: int, status: str) -> None:
        """Prints how the run ended."""
        took = self._clock() - self._began
        rate = (update - self._first_update) / took
        self._say(f"{self._where(update)}  {status} after {duration(took)}, {rate:.3g} updates/s")

    def _where(self, update: int) -> str:
        if self._row is None:
            return f"epoch 0/{self._epochs}  update {update}/{self._updates}"
        row = self._row
        virtual = "" if math.isnan(row["virtual_s"]) else f"virtual {row['virtual_s']:.4g} s  "
        return (
            f"{virtual}epoch {row['epoch']}/{self._epochs}  update {update}/{self._updates}  "
            f"accuracy {row['test_accuracy']:.4f}  loss {row['test_loss']:.4f}"
        )
