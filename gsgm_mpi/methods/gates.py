"""Gates: whose message is used when, and who may go on. One factor of a method; what a use does is another.

A gate is told of arrivals, departures and returns, and answers with verdicts. It sees no vectors.

``Admit(k)``    k's held message is used now
``Refuse(k)``   k's held message is discarded
``Release(k)``  k may go on, at the weights as they are now
``RoundOver()`` everyone has been used once (white list, barrier), or as many messages as learners are present (others)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from gsgm_mpi.options import Option, at_least, switch
from gsgm_mpi.state import Stateful


@dataclass(frozen=True, slots=True)
class Admit:
    """Learner k's held message is used now."""

    k: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Learner k's held message is discarded."""

    k: int


@dataclass(frozen=True, slots=True)
class Release:
    """Learner k may go on."""

    k: int


@dataclass(frozen=True, slots=True)
class RoundOver:
    """A round is complete."""


Verdict = Admit | Refuse | Release | RoundOver


class Gate(Stateful):
    """Base of all gates.

    Args:
        learners: the learners' numbers.
    """

    #: As typed after ``--gate``.
    name: ClassVar[str]

    def __init__(self, learners: Sequence[int]) -> None:
        #: Learners that are present.
        self.active: set[int] = set()

    def start(self, learners: Sequence[int]) -> None:
        """All learners are in and about to be handed work; nothing is held."""
        self.active = set(learners)

    @abstractmethod
    def arrive(self, k: int, delay: int) -> Iterator[Verdict]:
        """Learner k's message has come and is held; ``delay``: versions since its weights were handed out."""

    @abstractmethod
    def leave(self, k: int) -> Iterator[Verdict]:
        """Learner k is gone; nothing of it is held any more."""

    def join(self, k: int) -> Iterator[Verdict]:
        """Learner k is back."""
        self.active.add(k)
        yield Release(k)


class Immediate(Gate):
    """Every message is used as it comes, and nobody waits."""

    name: ClassVar[str] = "immediate"

    def __init__(self, learners: Sequence[int]) -> None:
        super().__init__(learners)
        self._used = 0

    def start(self, learners: Sequence[int]) -> None:
        super().start(learners)
        self._used = 0

    def arrive(self, k: int, delay: int) -> Iterator[Verdict]:
        yield Admit(k)
        yield Release(k)
        yield from self._count()

    def leave(self, k: int) -> Iterator[Verdict]:
        self.active.discard(k)
        yield from self._end_round()

    def _count(self) -> Iterator[Verdict]:
        self._used += 1
        yield from self._end_round()

    def _end_round(self) -> Iterator[Verdict]:
        if self._used >= len(self.active) > 0:
            self._used = 0
            yield RoundOver()


Staleness = Annotated[int, Option("bound s: nobody is more than s gradients ahead of the slowest", *at_least(0))]


class BoundedStaleness(Immediate):
    """Stale synchronous parallel (Ho et al. 2013; Petuum's Bösen): a learner s ahead of the slowest waits for it.

    Every message is used as it comes. A learner that has completed c_k gradients gets its answer once
    c_k − min_j c_j ≤ s, so only the fast wait and the slowest never does. s = 0 is synchronous, s = ∞ immediate.
    """

    name: ClassVar[str] = "ssp"

    def __init__(self, learners: Sequence[int], *, staleness: Staleness = 1) -> None:
        super().__init__(learners)
        self.staleness = staleness
        self._clock = dict.fromkeys(learners, 0)
        self._waiting: list[int] = []

    def start(self, learners: Sequence[int]) -> None:
        super().start(learners)
        self._clock = dict.fromkeys(learners, 0)

    def arrive(self, k: int, delay: int) -> Iterator[Verdict]:
        yield Admit(k)
        yield from self._count()
        self._clock[k] += 1
        self._waiting.append(k)
        yield from self._release()

    def leave(self, k: int) -> Iterator[Verdict]:
        self.active.discard(k)
        self._waiting = [j for j in self._waiting if j != k]
        yield from self._end_round()
        yield from self._release()

    def join(self, k: int) -> Iterator[Verdict]:
        # With the clock of the slowest: with its own, an old one, it would hold up everyone.
        self._clock[k] = min((self._clock[j] for j in self.active), default=self._clock[k])
        yield from super().join(k)

    def _release(self) -> Iterator[Verdict]:
        slowest = min((self._clock[k] for k in self.active), default=0)
        free = [k for k in self._waiting if self._clock[k] - slowest <= self.staleness]
        self._waiting = [k for k in self._waiting if k not in free]
        for k in free:
            yield Release(k)


Literal = Annotated[
    bool,
    switch("white list: close a round only at the next arrival, as printed"),
]


class WhiteList(Gate):
    """GSGM's scheduler (Algorithm 2, lines 3-16): in every round each learner is used once.

    A learner is on the white list L until it has been used; whoever comes again before the round is over waits in the
    queue Q. When L is empty a round is over: L ← A, the active learners, and what Q holds is used in order.

    Two readings differ from the printed algorithm, for a reason. A round closes as soon as L is empty, not at the next
    arrival (``literal`` restores that; the order of uses is the same). And a learner that has left is no longer waited
    for: printed as it is, L would never empty again, and the others would be blocked for good.
    """

    name: ClassVar[str] = "white-list"

    def __init__(self, learners: Sequence[int], *, literal: Literal = False) -> None:
        super().__init__(learners)
        self.literal = literal
        self._white: set[int] = set()
        self._queue: list[int] = []

    def start(self, learners: Sequence[int]) -> None:
        assert not self._queue, "nothing is held at a start"
        super().start(learners)
        self._white = set(learners)

    def arrive(self, k: int, delay: int) -> Iterator[Verdict]:
        if self.literal:
            yield from self._close()
        if k in self._white:
            yield from self._admit(k)
        else:
            self._queue.append(k)
        if not self.literal:
            yield from self._close()

    def leave(self, k: int) -> Iterator[Verdict]:
        self.active.discard(k)
        self._white.discard(k)
        self._queue = [j for j in self._queue if j != k]
        # The literal reading closes here too: the arrival it waits for may never come.
        yield from self._close()

    def join(self, k: int) -> Iterator[Verdict]:
        # White-listed from the next round on: it may have been used in this one already, before it left.
        self.active.add(k)
        yield from self._close()
        yield Release(k)

    def _admit(self, k: int) -> Iterator[Verdict]:
        yield Admit(k)
        self._white.discard(k)
        yield Release(k)

    def _close(self) -> Iterator[Verdict]:
        while not self._white and self.active:
            yield RoundOver()
            self._white = set(self.active)
            queue, self._queue = self._queue, []
            for k in queue:
                yield from self._admit(k)


class Barrier(Gate):
    """Synchronous rounds: all messages are held until the last has come, used in order of the learners, then answered.

    The result does not depend on the order of arrival.
    """

    name: ClassVar[str] = "barrier"

    def __init__(self, learners: Sequence[int]) -> None:
        super().__init__(learners)
        self._arrived: set[int] = set()

    def start(self, learners: Sequence[int]) -> None:
        assert not self._arrived, "nothing is held at a start"
        super().start(learners)

    def arrive(self, k: int, delay: int) -> Iterator[Verdict]:
        self._arrived.add(k)
        yield from self._pass()

    def leave(self, k: int) -> Iterator[Verdict]:
        self.active.discard(k)
        self._arrived.discard(k)
        yield from self._pass()

    def _pass(self) -> Iterator[Verdict]:
        if self._arrived and self._arrived >= self.active:
            together, self._arrived = sorted(self._arrived), set()
            for k in together:
                yield Admit(k)
            yield RoundOver()
            for k in together:
                yield Release(k)


#: What ``--gate`` takes.
GATES: dict[str, type[Gate]] = {gate.name: gate for gate in (Immediate, BoundedStaleness, WhiteList, Barrier)}
