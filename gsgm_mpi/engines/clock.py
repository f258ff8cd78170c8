"""What decides the order of events where ranks only compute: the contract of virtual time and of a recorded order."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gsgm_mpi.engines.conductor import HandOut
from gsgm_mpi.kind import Kind

__all__ = ["Clock", "Happening", "ImpossibleOrderError", "Kind"]


class ImpossibleOrderError(Exception):
    """A recorded order cannot have happened; the text says what an event is instead of what it should be."""


class Happening(NamedTuple):
    """The next thing that happens."""

    kind: Kind
    #: Learner; 0 for none.
    k: int
    #: Of a message: seconds the learner computed, and waited before that.
    seconds: float
    wait_s: float
    #: When it came, and when the server turned to it, since the run began.
    arrival_s: float
    now_s: float


class Clock(Protocol):
    """Decides what happens next."""

    def hand_out(self, hand_out: HandOut) -> float:
        """A learner is given work; returns how soon its result is wanted: the smaller, the sooner."""

    def next(self) -> Happening | None:
        """The next message, departure or return; None: the run was cut here."""

    def full_gradient(self) -> Happening | None:
        """All learners go through the full-gradient phase together; None: the run was cut before its end."""
