"""The modelled network of a virtual cluster: links, the server's own time, and learners that are away. Pure.

Each learner has a link of its own to the server. A vector takes latency + bytes/bandwidth in either direction; the
server works off messages one after the other, each in a fixed time.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from gsgm_mpi.errors import UserError, bad_option


class Link(NamedTuple):
    """Between the server and a learner."""

    #: Seconds that any message takes, one way.
    latency_s: float = 0.0
    #: Bytes a second; infinite: vectors take no time.
    bandwidth: float = math.inf
    #: Seconds of the server for each message.
    server_s: float = 0.0

    def seconds(self, payload_bytes: int) -> float:
        """One way."""
        return self.latency_s + payload_bytes / self.bandwidth


class Outage(NamedTuple):
    """Learner k is away from ``begin_s`` until ``end_s``."""

    k: int
    begin_s: float
    end_s: float


def parse_outages(text: str, learners: int | None = None) -> tuple[Outage, ...]:
    """Reads ``3:10-20,3:40-50``: learner 3 is away from 10 s to 20 s and from 40 s to 50 s.

    Returns:
        Them in the order of their beginnings.

    Raises:
        UserError: where the text has another form, outages of a learner touch, or a learner does not exist.
    """
    found = []
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"([1-9]\d*):([0-9.eE+]+)-([0-9.eE+]+)", part.strip())
        begin, end = _seconds(match[2]) if match else math.nan, _seconds(match[3]) if match else math.nan
        if match is None or not 0 <= begin < end < math.inf:
            raise bad_option("--outages", repr(text), "LEARNER:FROM-TO,... in seconds, FROM < TO", "e.g. 3:10-20")
        found.append(Outage(int(match[1]), begin, end))
    found.sort(key=lambda outage: (outage.begin_s, outage.k))
    until: dict[int, float] = {}
    for k, begin, end in found:
        if learners is not None and k > learners:
            raise UserError(f"--outages names learner {k}, but there are {learners}; e.g. --outages {learners}:10-20")
        if begin <= until.get(k, -1.0):
            raise UserError(
                f"--outages must leave time between two of learner {k}; {text!r} does not: join them to one"
            )
        until[k] = end
    return tuple(found)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
