"""Waiting for MPI without burning the core.

Blocking MPI calls spin. Where ranks outnumber cores a spinning rank takes the core from one that could compute, so all
waits here poll, and sleep between polls: not at all at first, then longer and longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Patience:
    """One wait: call :meth:`pause` after every poll that found nothing.

    Args:
        eager_polls: polls before the first sleep: many where each rank has its own core, 0 where ranks share cores.
        shortest_s: length of the first sleep.
        longest_s: each sleep is 1.5 times as long as the one before, up to this.
    """

    def __init__(self, eager_polls: int = 0, shortest_s: float = 20e-6, longest_s: float = 1e-3) -> None:
        self._eager_polls = eager_polls
        self._shortest_s = shortest_s
        self._longest_s = longest_s
        self.reset()

    def reset(self) -> None:
        """A poll found something: begin again."""
        self._polls = 0
        self._sleep_s = self._shortest_s

    def pause(self) -> None:
        """A poll found nothing."""
        self._polls += 1
        if self._polls > self._eager_polls:
            time.sleep(self._sleep_s)
            self._sleep_s = min(1.5 * self._sleep_s, self._longest_s)

    def until(self, test: Callable[[], bool]) -> None:
        """Waits until ``test`` is true."""
        self.reset()
        while not test():
            self.pause()
