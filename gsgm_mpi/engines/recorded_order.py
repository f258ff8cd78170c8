"""The order of a recorded run, given back event by event. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple

from gsgm_mpi.engines.clock import Happening, ImpossibleOrderError, Kind
from gsgm_mpi.engines.conductor import HandOut


class Event(NamedTuple):
    """One row of ``/trace``."""

    event: int
    learner: int
    step: int
    seconds: float
    wait_s: float
    arrival_s: float
    fingerprint: int


class RecordedOrder:
    """Gives back what was recorded.

    Args:
        trace: all events.
        server_s: seconds of the server for each message, where the run was one in virtual time.
    """

    def __init__(self, trace: Sequence[Event], server_s: float = 0.0) -> None:
        self._events = iter(trace)
        self._next = next(self._events, None)
        self._server_s = server_s
        self._now_s = 0.0
        self._wanted: dict[int, deque[int]] = defaultdict(deque)
        for place, event in enumerate(trace):
            if event.event == Kind.MESSAGE:
                self._wanted[event.learner].append(place)

    def hand_out(self, hand_out: HandOut) -> float:
        # What no recorded message came of is wanted last, if at all.
        wanted = self._wanted[hand_out.k]
        return wanted.popleft() if wanted else float("inf")

    def next(self) -> Happening | None:
        if self._next is not None and self._next.event == Kind.FULL_GRADIENT:
            raise ImpossibleOrderError("a full gradient in the midst of a loop")
        return self._take()

    def full_gradient(self) -> Happening | None:
        if self._next is not None and self._next.event not in (Kind.FULL_GRADIENT, Kind.STOP):
            raise ImpossibleOrderError("no full gradient, where one is due")
        return self._take()

    def _take(self) -> Happening | None:
        event = self._next
        if event is None or event.event == Kind.STOP:
            return None
        self._next = next(self._events, None)
        self._now_s = max(self._now_s, event.arrival_s) + (self._server_s if event.event == Kind.MESSAGE else 0.0)
        return Happening(
            Kind(event.event), event.learner, event.seconds, event.wait_s, event.arrival_s, now_s=self._now_s
        )
