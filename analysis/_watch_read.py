"""Follows a results file that a run replaces, deletes and writes again."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from pathlib import Path

from _results import UnreadableFileError, read
from _watch_measure import TAIL_ROWS, Measured, measure

# Of intervals between writings so many are remembered.
_INTERVALS = 10


class Followed:
    """One file as it was last seen.

    Args:
        path: the file; it need not exist yet.
        clock: seconds since 1970.
        through_stops: a run that was stopped is expected to go on.
    """

    def __init__(self, path: Path, clock: Callable[[], float], *, through_stops: bool = False) -> None:
        self.path = path
        #: What it last held; None: it could not be read yet.
        self.held: Measured | None = None
        #: Why it cannot be read now; None: it can.
        self.trouble: str | None = None
        self._clock = clock
        self._through_stops = through_stops
        self._seen: tuple[int, int, int] | None = None
        # As it was when it was read last, and when that state of it was new.
        self._read: tuple[int, int, int] | None = None
        self._news_s = 0.0
        # Seconds between changes that were seen.
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)

    @property
    def missing(self) -> bool:
        """There is no such file."""
        return self._seen is None

    @property
    def ended(self) -> bool:
        """There is nothing more to wait for."""
        if self.held is None or (self._through_stops and self.held.results.status == "stopped"):
            return False
        return self.held.ended

    @property
    def quiet_s(self) -> float:
        """Seconds since the file was written; 0 where it was not read yet."""
        return max(0.0, self._clock() - self._news_s) if self.held is not None else 0.0

    @property
    def left_s(self) -> float:
        """Wall-clock seconds that the run still needs; NaN: unknown."""
        if self.held is None or math.isnan(self.held.left_s):
            return math.nan
        return max(0.0, self.held.left_s - self.quiet_s)

    @property
    def usual_s(self) -> float | None:
        """The longest of the last intervals between two writings, as far as known; None: no idea."""
        known = [*self._intervals, *(self.held.epoch_times_s[-_INTERVALS:] if self.held is not None else ())]
        return max(known) if known else None

    def poll(self) -> bool:
        """Reads the file where it has changed or could not be read; says whether anything is new."""
        before = self._seen, self.trouble
        try:
            stat = self.path.stat()
        except OSError as error:
            self._seen = None
            self.trouble = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
            return before != (self._seen, self.trouble)
        seen = stat.st_ino, stat.st_mtime_ns, stat.st_size
        if seen == before[0] and self.trouble is None:
            return False
        # Taken before reading: a file that is replaced in between is read once more at the next poll.
        self._seen = seen
        try:
            held = measure(read(self.path, ("epochs", "updates", "learners"), {"updates": TAIL_ROWS}))
        except UnreadableFileError as error:
            self.trouble = error.reason
            return before != (self._seen, self.trouble)
        self.trouble = None
        if seen != self._read:
            self._note_news(stat.st_mtime)
        self._read = seen
        self.held = held
        return True

    def _note_news(self, written_s: float) -> None:
        now = self._clock()
        if self.held is None:
            self._news_s = min(now, written_s)
            return
        # From here on by the own clock: a file server's may differ.
        self._intervals.append(now - self._news_s)
        self._news_s = now
