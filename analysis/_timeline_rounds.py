"""The rounds of a run, found from what was used when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from _results import Results
from _timeline_events import ROUNDING, Events

#: Methods whose learners meet: what is used, is used of all of them (or of those chosen) at one moment.
_MEETING = ("ssgd", "k-avg", "hier-avg", "fedavg", "od-sgd")
_WHITE_LIST = ("gsgm",)


@dataclass(frozen=True)
class Rounds:
    """Complete rounds in order, and the messages used in them.

    Attributes:
        own: the method works in rounds. If not, a round is until everyone has been used at least once.
        start_s, end_s: of each round, in seconds since the run began.
        uses: messages that were used, by their place among the run's messages, in the order of use.
        of_use: the round of each; as many as there are rounds: in none that is complete.
    """

    own: bool
    start_s: np.ndarray
    end_s: np.ndarray
    uses: np.ndarray
    of_use: np.ndarray


def rounds(run: Results, events: Events) -> Rounds:
    """Finds the rounds.

    Under a white list a round is over once everyone who was present as it began, and has not left since, has been used
    once; the same rule, where the server does not heed it, tells when everyone has been used at least once. Where
    learners meet, a round is over whenever they do (under hier-avg: all of them). At the end of a run or a loop, where
    some have no work left, rounds without them are not counted as complete.
    """
    messages = events.messages
    done = np.flatnonzero(messages.applied & (messages.update > 0))
    uses = done[np.argsort(messages.update[done], kind="stable")]
    used_s = messages.used_s[uses]
    gate, method = run.option("gate"), run.option("method")
    if gate == "barrier" or (gate is None and method in _MEETING):
        ends, of_use = _meetings(events, uses, used_s, everyone=method == "hier-avg" and gate is None)
        own = True
    else:
        ends, of_use = _coverings(events, uses, used_s)
        own = gate == "white-list" or (gate is None and method in _WHITE_LIST)
    return Rounds(own, _starts(ends, events.phases[:, 2]), ends, uses, of_use)


def _starts(ends: np.ndarray, anew: np.ndarray) -> np.ndarray:
    """A round begins as the one before ends, or the last full-gradient phase."""
    before = np.append(0.0, ends)[: len(ends)]
    # A round that a phase cuts off is none, so what ends after a phase began after it.
    last = np.append(0.0, anew)[np.searchsorted(anew, ends, side="right")]
    return np.maximum(before, last)


def _meetings(events: Events, uses: np.ndarray, used_s: np.ndarray, *, everyone: bool) -> tuple[np.ndarray, np.ndarray]:
    moments, first = np.unique(used_s, return_index=True)
    if everyone:
        met = np.array([len(set(part)) for part in np.split(events.messages.k[uses], first[1:])])
        met = met[: len(moments)]
        away = np.zeros(len(moments), np.int64)
        for change in events.changes:
            away[np.searchsorted(moments, change.at_s) :] += 1 if change.leaves else -1
        moments = moments[met >= len(events.learners) - away]
    return moments, np.searchsorted(moments, used_s)


def _coverings(events: Events, uses: np.ndarray, used_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    k = events.messages.k[uses].tolist()
    everyone = set(range(len(events.learners)))
    pending = _between(events, used_s)
    present, white = set(everyone), set(everyone)
    ends: list[float] = []
    of_use = np.zeros(len(uses), np.int64)
    cut: list[int] = []
    open_since = 0
    for i in range(len(uses) + 1):
        for who, at_s, what in pending.get(i, ()):
            if what == "anew":
                # Whatever was begun before the phase is no complete round.
                cut += range(open_since, i)
                open_since = i
                present, white = set(everyone), set(everyone)
            elif what == "join":
                # White-listed from the next round on.
                present.add(who)
            else:
                present.discard(who)
                white.discard(who)
            if not white and present:
                if open_since < i:
                    of_use[open_since:i] = len(ends)
                    ends.append(at_s)
                open_since, white = i, set(present)
        if i == len(uses):
            break
        white.discard(k[i])
        if not white:
            of_use[open_since : i + 1] = len(ends)
            ends.append(float(used_s[i]))
            open_since, white = i + 1, set(present)
    of_use[[*cut, *range(open_since, len(uses))]] = len(ends)
    return np.array(ends), of_use


def _between(events: Events, used_s: np.ndarray) -> dict[int, list[tuple[int, float, str]]]:
    """Departures, returns and phases, by the use before which they come."""
    found: dict[int, list[tuple[int, float, str]]] = {}
    small = 2 * ROUNDING * events.end_s
    everything = [
        *((change.row, change.k, change.at_s, "leave" if change.leaves else "join") for change in events.changes),
        *((int(row), -1, float(end), "anew") for row, _, end in events.phases),
    ]
    for _, who, at_s, what in sorted(everything):
        # At one moment departures come first, and what they set off after them.
        place = int(np.searchsorted(used_s, at_s - small))
        found.setdefault(place, []).append((who, at_s, what))
    return found
