"""What each learner did at every moment of a run, as intervals. Pure functions on its events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from _timeline_events import ROUNDING, Events, Messages


class Kind(IntEnum):
    """What a learner does. All but ``OVERLAP`` fill its time without gaps or overlaps."""

    COMPUTE = 0
    #: Its message is with the server, which has not used it yet, and the learner has nothing to compute.
    QUEUE = 1
    #: For anything else: until it may go on, for messages on their way, or because no work is left.
    WAIT = 2
    ABSENT = 3
    #: With all others in the phase of a full gradient, the wait for the slowest included.
    FULL_GRADIENT = 4
    #: Nothing is on record: work that was lost as the learner left, or that had not come back at the end.
    UNKNOWN = 5
    #: A message of the learner is in the queue while it computes the next one; lies on top of ``COMPUTE``.
    OVERLAP = 6

    @property
    def word(self) -> str:
        """As files and tables have it."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True)
class Intervals:
    """One entry an interval, by learner and then time.

    Attributes:
        k: row of the learner.
        kind: see :class:`Kind`.
        start_s, end_s: seconds since the run began.
        update: number of the message's first gradient, for computing and queue; else, or not used yet, 0.
    """

    k: np.ndarray
    kind: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    update: np.ndarray

    def within(self, start_s: float, end_s: float) -> Intervals:
        """The parts that lie between two moments."""
        start, end = np.maximum(self.start_s, start_s), np.minimum(self.end_s, end_s)
        inside = end > start
        return Intervals(self.k[inside], self.kind[inside], start[inside], end[inside], self.update[inside])

    def seconds(self, learners: int) -> np.ndarray:
        """Total of each kind at each learner, shape (learners, kinds)."""
        cell = self.k * len(Kind) + self.kind
        total = np.bincount(cell, weights=self.end_s - self.start_s, minlength=learners * len(Kind))
        return total.reshape(learners, len(Kind))


def intervals(events: Events) -> Intervals:
    """Divides each learner's time from the beginning to the last moment on record."""
    parts = [_of_learner(events, k) for k in range(len(events.learners))]
    empty = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
    kind, start, end, update = (np.concatenate(columns) for columns in zip(empty, *parts, strict=True))
    k = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    return Intervals(k, kind, start, end, update)


def begins(messages: Messages, floor: np.ndarray) -> np.ndarray:
    """When one learner began to compute each of its messages.

    That is its ``wait_s`` after the end of the one before. In virtual time this is exact. Under the wall clock the
    little that is in neither time would add up, so what is known at the server sets bounds: after the work was handed
    out, and early enough to compute it, and all that came later, before it arrived.

    Args:
        messages: those of one learner.
        floor: the learner's last return, or end of a full-gradient phase, before each of them; else 0.
    """
    total = np.cumsum(messages.seconds)
    latest_end = total + np.minimum.accumulate((messages.arrival_s - total)[::-1])[::-1]
    latest = (latest_end - messages.seconds).tolist()
    found, free = [], 0.0
    rows = (messages.wait_s.tolist(), messages.sent_s.tolist(), messages.seconds.tolist(), latest, floor.tolist())
    for wait, sent, seconds, last, bottom in zip(*rows, strict=True):
        free = max(free, bottom)
        begin = max(free, min(max(free + wait, sent), last))
        found.append(begin)
        free = begin + seconds
    return np.array(found)


def _of_learner(events: Events, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    messages = _select(events.messages, events.messages.k == k)
    phase_rows, phase_start, phase_end = events.phases.T
    absent = _absences(events, k)
    # Where a learner's own clock begins anew: at its returns and after every phase.
    returns = [(change.row, change.at_s) for change in events.changes if change.k == k and not change.leaves]
    anew = sorted([(-1.0, 0.0), *returns, *zip(phase_rows.tolist(), phase_end.tolist(), strict=True)])
    rows, times = np.array(anew).T
    begin = begins(messages, times[np.searchsorted(rows, messages.row) - 1])
    queued_until = np.maximum.accumulate(np.where(np.isnan(messages.used_s), events.end_s, messages.used_s))
    unknown = _unknown(events, absent, messages, begin + messages.seconds, queued_until, times)

    # Of two that hold at a moment the first one counts, but for a message that queues while the next is computed.
    layers = (
        (Kind.FULL_GRADIENT, phase_start, phase_end),
        (Kind.ABSENT, *absent),
        (Kind.COMPUTE, begin, begin + messages.seconds),
        (Kind.QUEUE, messages.arrival_s, queued_until),
        (Kind.UNKNOWN, *unknown),
    )
    points = np.unique(np.concatenate([[0.0, events.end_s], *(np.concatenate(layer[1:]) for layer in layers)]))
    points = points[(points >= 0) & (points <= events.end_s)]
    points = points[np.append(True, np.diff(points) > ROUNDING * events.end_s)]
    middle = (points[:-1] + points[1:]) / 2
    item = {kind: _open(start, end, middle) for kind, start, end in layers}
    kind = np.full(len(middle), int(Kind.WAIT))
    for layer, _, _ in reversed(layers):
        kind[item[layer] >= 0] = layer
    queue = item[Kind.QUEUE]
    of = np.where(kind == Kind.COMPUTE, item[Kind.COMPUTE], np.where(kind == Kind.QUEUE, queue, -1))
    # Between two parts of one thing there is a point wherever another one begins or ends.
    own = _joined(kind, of, points)
    twice = (kind == Kind.COMPUTE) & (queue >= 0)
    # Only where the next work was handed out before the message was used; else the two clocks differ a little.
    twice[twice] = messages.sent_s[item[Kind.COMPUTE][twice]] < queued_until[queue[twice]] - ROUNDING * events.end_s
    over = _joined(np.where(twice, int(Kind.OVERLAP), -1), np.where(twice, queue, -1), points)
    kinds, starts, ends, ofs = (np.concatenate(pair) for pair in zip(own, over, strict=True))
    order = np.lexsort((kinds, starts))
    update = np.append(messages.update, 0)[ofs]
    keep = order[kinds[order] >= 0]
    return kinds[keep], starts[keep], ends[keep], update[keep]


def _absences(events: Events, k: int) -> tuple[np.ndarray, np.ndarray]:
    """When a learner was away. In a full-gradient phase all take part, so it is back by then."""
    starts, ends = [], []
    for change in events.changes:
        if change.k != k:
            continue
        if change.leaves and len(starts) == len(ends):
            starts.append(change.at_s)
        elif not change.leaves and len(starts) > len(ends):
            ends.append(change.at_s)
    ends += [events.end_s] * (len(starts) - len(ends))
    phases = events.phases
    for i, start in enumerate(starts):
        later = phases[phases[:, 2] > start, 1]
        ends[i] = min(ends[i], max(start, float(later.min(initial=events.end_s))))
    return np.array(starts), np.array(ends)


def _unknown(
    events: Events,
    absent: tuple[np.ndarray, np.ndarray],
    messages: Messages,
    computed: np.ndarray,
    queued_until: np.ndarray,
    anew: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """From the last that is known of a learner until it left; and, of a run that has not finished, until the end."""
    ends = absent[0].tolist()
    if not events.whole and (not len(absent[1]) or absent[1][-1] < events.end_s):
        ends.append(events.end_s)
    # Known is what has come by then: later work says nothing of what was lost before.
    starts = []
    for end in ends:
        before = messages.arrival_s <= end
        known = np.concatenate([computed[before], queued_until[before], anew[anew <= end], [0.0]])
        starts.append(min(end, float(known.max())))
    return np.array(starts), np.array(ends)


def _select(messages: Messages, wanted: np.ndarray) -> Messages:
    return Messages(*(getattr(messages, name)[wanted] for name in Messages.__dataclass_fields__))


def _open(start: np.ndarray, end: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """At each moment the oldest interval that is open, or -1; both ends must be in order."""
    if not len(start):
        return np.full(len(moments), -1)
    i = np.searchsorted(end, moments, side="right")
    inside = (i < len(start)) & (start[np.minimum(i, len(start) - 1)] <= moments)
    return np.where(inside, i, -1)


def _joined(
    kind: np.ndarray, item: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Puts neighbours together that are parts of one thing."""
    if not len(kind):
        return kind, np.zeros(0), np.zeros(0), item
    new = np.append(True, (np.diff(kind) != 0) | (np.diff(item) != 0))
    first = np.flatnonzero(new)
    return kind[first], points[first], points[np.append(first[1:], len(kind))], item[first]
