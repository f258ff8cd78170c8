"""Whom an engine tells and asks: the record of the run, and its checkpoints."""

from __future__ import annotations

from typing import Protocol

from gsgm_mpi.engines.clock import Happening
from gsgm_mpi.engines.conductor import Expected


class Journal(Protocol):
    """Who is told of what only the engine sees."""

    def on_event(self, happening: Happening, fingerprint: int = 0, expected: Expected | None = None) -> None:
        """A message has come, of which that was ``expected``, or another event; told before the conductor is."""

    def on_sent(self, payload_bytes: int) -> None:
        """Vectors have travelled, in either direction."""

    def tick(self) -> bool:
        """Called between messages: does a little of what can wait, and says whether there was anything."""


class Saver(Protocol):
    """Who is asked whether the state is to be saved, and saves it."""

    def due(self, epochs: int) -> bool:
        """Whether a checkpoint is to be written after so many epochs."""

    def save(self) -> None:
        """Writes one; the engine's ``state`` is called for it."""
