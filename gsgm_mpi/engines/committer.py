"""Rank 0 where ranks only compute: takes results in the order that a clock decides, and hands out what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from gsgm_mpi.engines.clock import Clock, Happening, ImpossibleOrderError, Kind
from gsgm_mpi.engines.conductor import Conductor, HandOut, Report
from gsgm_mpi.engines.hooks import Journal
from gsgm_mpi.engines.pool import Pool
from gsgm_mpi.engines.traffic import Traffic
from gsgm_mpi.engines.wire import fingerprint
from gsgm_mpi.learners import Vector
from gsgm_mpi.state import below


class Committer:
    """Drives one run.

    Args:
        conductor: decides.
        clock: says what happens next.
        pool: computes.
        journal: records.
        traffic: bytes of vectors.
        variance_reduced: whether each loop begins with a full-gradient phase.
        stop_requested: whether the run is to end early.
        after_event: called when an event has been dealt with.
    """

    def __init__(
        self,
        conductor: Conductor,
        clock: Clock,
        pool: Pool,
        journal: Journal,
        traffic: Traffic,
        *,
        variance_reduced: bool,
        stop_requested: Callable[[], bool],
        after_event: Callable[[], None],
    ) -> None:
        self._conductor = conductor
        self._clock = clock
        self._pool = pool
        self._journal = journal
        self._traffic = traffic
        self._variance_reduced = variance_reduced
        self._stop_requested = stop_requested
        self._after_event = after_event
        self._now_s = 0.0
        #: The loop that the conductor is at has begun.
        self._begun = False
        #: w̃ of this loop, where there is one.
        self._snapshot: Vector = np.empty(0, dtype=np.float32)
        #: The run was ended early on request, or where the recorded one was.
        self.stopped = False

    @property
    def update(self) -> int:
        """Gradients used or dropped so far."""
        return self._conductor.update

    @property
    def epochs(self) -> int:
        """Epochs complete so far."""
        return self._conductor.epochs

    @property
    def diverged(self) -> bool:
        """Some loss or gradient was not finite."""
        return self._conductor.diverged

    def run(self) -> None:
        """From wherever the run stands to the end of the plan, a request to stop, or divergence."""
        for loop in range(self._conductor.loop, self._conductor.plan.loops):
            if not self._begun and not self._begin(loop):
                break
            if not self._train() or self._conductor.diverged:
                break
            self._begun = False
            self._conductor.end_loop()

    def _begin(self, loop: int) -> bool:
        """The full-gradient phase and the first hand-outs; whether the run goes on."""
        if self._stop_requested():
            self.stopped = True
            return False
        if self._variance_reduced:
            phase = self._clock.full_gradient()
            if phase is None:
                self.stopped = True
                return False
            self._snapshot = self._conductor.method.w.copy()
            mu = self._pool.begin_outer_loop(self._snapshot)
            self._now_s = phase.now_s
            self._journal.on_event(phase, fingerprint(mu))
            learners = self._conductor.plan.learners
            self._journal.on_sent(learners * sum(self._traffic.full_gradient()))
        self._begun = True
        self._submit(self._conductor.begin_loop(loop, self._now_s))
        return True

    def _train(self) -> bool:
        """Whether the loop came to its end."""
        while not self._conductor.loop_done:
            self._after_event()
            if self._stop_requested() or (happening := self._clock.next()) is None:
                self.stopped = True
                return False
            self._deal_with(happening)
            self._journal.tick()
        self._after_event()
        return True

    def _deal_with(self, happening: Happening) -> None:
        kind, k, seconds, _, arrival_s, now_s = happening
        self._now_s = now_s
        match kind:
            case Kind.MESSAGE:
                expected = self._conductor.expected(k)
                if expected is None:
                    raise ImpossibleOrderError(f"a message of learner {k}, which had nothing to do")
                result = self._pool.take(k)
                self._journal.on_sent(self._traffic.up(k, expected.step))
                self._journal.on_event(happening, fingerprint(result.vector), expected)
                report = Report(result.losses, result.grad_norms, seconds, arrival_s)
                self._submit(self._conductor.message(k, result.vector, report, now_s))
            case Kind.LEAVE | Kind.JOIN if self._conductor.is_away(k) != (kind == Kind.JOIN):
                raise ImpossibleOrderError(f"learner {k}, which cannot {kind.name.lower()} now")
            case Kind.LEAVE:
                self._journal.on_event(happening)
                self._pool.lose(k)
                self._submit(self._conductor.leave(k, now_s))
            case Kind.JOIN:
                self._journal.on_event(happening)
                self._submit(self._conductor.join(k, now_s))
            case _:
                raise ImpossibleOrderError("a full gradient in the midst of a loop")

    def _submit(self, hand_outs: Iterable[HandOut]) -> None:
        for hand_out in hand_outs:
            self._pool.submit(hand_out, self._clock.hand_out(hand_out))
            self._journal.on_sent(self._traffic.down(hand_out))

    def state(self) -> dict[str, Any]:
        """Where the run stands, conductor and learners' memories included: arrays and numbers."""
        memories = self._pool.memories.items()
        conductor = {f"conductor.{name}": x for name, x in self._conductor.state().items()}
        kept = {f"memory.{k}.{name}": x for k, memory in memories for name, x in memory.items()}
        return {"begun": self._begun, "snapshot": self._snapshot, "now_s": self._now_s} | conductor | kept

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state that :meth:`state` gave, and hands out again what was on its way."""
        self._begun, self._snapshot, self._now_s = bool(state["begun"]), state["snapshot"], float(state["now_s"])
        self._conductor.restore(below("conductor.", state))
        for k in self._pool.memories:
            self._pool.memories[k] = below(f"memory.{k}.", state)
        if self._begun and self._variance_reduced:
            self._pool.begin_outer_loop(self._snapshot)
        for hand_out in self._conductor.outstanding():
            self._pool.submit(hand_out, hand_out.number)
