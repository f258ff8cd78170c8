"""Virtual time: every hand-out is given a duration by a model, and what comes first is used first. Pure.

Messages reach the server in the order of their virtual arrival, ties by the number of their hand-out, so the order of a
run depends on the model alone and not on who computed what when. The server works off one message after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from gsgm_mpi.durations import Durations
from gsgm_mpi.engines.clock import Happening, Kind
from gsgm_mpi.engines.conductor import HandOut
from gsgm_mpi.engines.traffic import Traffic
from gsgm_mpi.network import Link, Outage


class _Arrival(NamedTuple):
    """A message on its way; compared field by field."""

    arrival_s: float
    number: int
    k: int
    seconds: float
    wait_s: float


class VirtualClock:
    """Virtual time of one run.

    Args:
        durations: of gradients.
        link: between the server and each learner.
        outages: in the order of their beginnings; those of one learner do not touch.
        traffic: bytes of vectors.
        batches: ⌈n_k/B⌉ of each learner 1..K.
    """

    def __init__(
        self,
        durations: Durations,
        link: Link,
        outages: Sequence[Outage],
        traffic: Traffic,
        batches: Sequence[int],
    ) -> None:
        self._durations = durations
        self._link = link
        self._traffic = traffic
        self._batches = tuple(batches)
        self._outages = tuple(outages)
        self._now_s = 0.0
        self._phases = 0
        self._arrivals: list[_Arrival] = []
        #: When each learner is done with all that it was handed.
        self._busy_until_s = dict.fromkeys(range(1, len(self._batches) + 1), 0.0)
        #: When the newest message of each arrives.
        self._last_arrival_s = dict(self._busy_until_s)
        #: Departures and returns to come.
        self._absences = sorted(
            (at_s, kind, k)
            for k, begin_s, end_s in outages
            for at_s, kind in ((begin_s, Kind.LEAVE), (end_s, Kind.JOIN))
        )

    def hand_out(self, hand_out: HandOut) -> float:
        k, down = hand_out.k, self._link.seconds(self._traffic.down(hand_out))
        free_s = self._busy_until_s[k]
        begin_s = max(self._now_s + down, free_s)
        seconds = self._durations.gradients(k, hand_out.step, hand_out.n)
        self._busy_until_s[k] = end_s = begin_s + seconds
        up = self._link.seconds(self._traffic.up(k, hand_out.step))
        # A learner's messages come in the order in which they were sent, whatever their ways took.
        arrival_s = max(end_s + self._durations.way(k, hand_out.step) + up, self._last_arrival_s[k])
        self._last_arrival_s[k] = arrival_s
        heappush(self._arrivals, _Arrival(arrival_s, hand_out.number, k, seconds, begin_s - free_s))
        return arrival_s

    def next(self) -> Happening:
        if self._absences and (not self._arrivals or self._absences[0][0] <= self._arrivals[0].arrival_s):
            return self._absence()
        assert self._arrivals, "nothing is on its way and nobody is to come back"
        message = heappop(self._arrivals)
        self._now_s = max(self._now_s, message.arrival_s) + self._link.server_s
        return Happening(Kind.MESSAGE, message.k, message.seconds, message.wait_s, message.arrival_s, now_s=self._now_s)

    def full_gradient(self) -> Happening:
        began_s = self._now_s
        down, up = map(self._link.seconds, self._traffic.full_gradient())
        phase_s = self._durations.phase(self._phases)
        self._phases += 1
        if phase_s is not None:
            down, up = 0.0, 0.0
        ends = [
            self._undisturbed(k, began_s + down, self._durations.full_pass(k, n) if phase_s is None else phase_s)
            for k, n in enumerate(self._batches, start=1)
        ]
        self._now_s = max(ends) + up
        self._busy_until_s = dict.fromkeys(self._busy_until_s, self._now_s)
        self._last_arrival_s = dict(self._busy_until_s)
        # Everyone took part, so whoever was away has returned; who has left again since is told of below.
        over = {(at_s, o.k) for o in self._outages if o.end_s <= self._now_s for at_s in (o.begin_s, o.end_s)}
        self._absences = [(at_s, kind, k) for at_s, kind, k in self._absences if (at_s, k) not in over]
        return Happening(Kind.FULL_GRADIENT, 0, self._now_s - began_s, 0.0, self._now_s, now_s=self._now_s)

    def _undisturbed(self, k: int, from_s: float, seconds: float) -> float:
        """When learner k is done with work of so long, which an absence makes it begin again."""
        for outage in self._outages:
            if outage.k == k and outage.begin_s < from_s + seconds and from_s < outage.end_s:
                from_s = outage.end_s
        return from_s + seconds

    def _absence(self) -> Happening:
        at_s, kind, k = self._absences.pop(0)
        self._now_s = max(self._now_s, at_s)
        if kind == Kind.LEAVE:
            self._arrivals = [message for message in self._arrivals if message.k != k]
            heapify(self._arrivals)
        else:
            self._busy_until_s[k] = self._last_arrival_s[k] = at_s
        return Happening(kind, k, 0.0, 0.0, at_s, now_s=self._now_s)

    def state(self) -> dict[str, Any]:
        """Arrays and numbers."""
        return {
            "now_s": self._now_s,
            "phases": self._phases,
            "arrivals": np.array(sorted(self._arrivals), dtype=np.float64).reshape(-1, 5),
            "busy_until_s": np.array(list(self._busy_until_s.values())),
            "last_arrival_s": np.array(list(self._last_arrival_s.values())),
            "absences": np.array(self._absences, dtype=np.float64).reshape(-1, 3),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state that :meth:`state` gave."""
        self._now_s, self._phases = float(state["now_s"]), int(state["phases"])
        # Sorted, a list is a heap.
        self._arrivals = [
            _Arrival(at_s, int(number), int(k), seconds, wait_s)
            for at_s, number, k, seconds, wait_s in state["arrivals"].tolist()
        ]
        self._busy_until_s = dict(zip(self._busy_until_s, state["busy_until_s"].tolist(), strict=True))
        self._last_arrival_s = dict(zip(self._last_arrival_s, state["last_arrival_s"].tolist(), strict=True))
        self._absences = [(at_s, Kind(int(kind)), int(k)) for at_s, kind, k in state["absences"].tolist()]
