"""Rank 0 where ranks only compute: takes results in the order that a clock decides, and hands out what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gsgm_mpi.engines.clock import Clock, Happening, ImpossibleOrderError, Kind
from gsgm_mpi.engines.conductor import Conductor, HandOut, Report
from gsgm_mpi.engines.engine import LoopEngine
from gsgm_mpi.engines.hooks import Journal
from gsgm_mpi.engines.pool import Pool
from gsgm_mpi.engines.traffic import Traffic
from gsgm_mpi.engines.wire import fingerprint
from gsgm_mpi.learners import Vector


class Committer(LoopEngine):
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
        super().__init__(conductor, stop_requested, variance_reduced=variance_reduced)
        self._clock = clock
        self._pool = pool
        self._journal = journal
        self._traffic = traffic
        self._after_event = after_event

    def _full_gradient(self) -> bool:
        phase = self._clock.full_gradient()
        if phase is None:
            return False
        mu = self._pool.begin_outer_loop(self._snapshot)
        self._now_s = phase.now_s
        self._journal.on_event(phase, fingerprint(mu))
        self._journal.on_sent(self._conductor.plan.learners * sum(self._traffic.full_gradient()))
        return True

    def _train(self) -> bool:
        while not self._conductor.loop_done:
            self._after_event()
            if self._stopping() or (happening := self._clock.next()) is None:
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
                self._send(self._conductor.message(k, result.vector, report, now_s))
            case Kind.LEAVE | Kind.JOIN if self._conductor.is_away(k) != (kind == Kind.JOIN):
                raise ImpossibleOrderError(f"learner {k}, which cannot {kind.name.lower()} now")
            case Kind.LEAVE:
                self._journal.on_event(happening)
                self._pool.lose(k)
                self._send(self._conductor.leave(k, now_s))
            case Kind.JOIN:
                self._journal.on_event(happening)
                self._send(self._conductor.join(k, now_s))
            case _:
                raise ImpossibleOrderError("a full gradient in the midst of a loop")

    def _send(self, hand_outs: Iterable[HandOut]) -> None:
        for hand_out in hand_outs:
            self._pool.submit(hand_out, self._clock.hand_out(hand_out))
            self._journal.on_sent(self._traffic.down(hand_out))

    def _memories_now(self) -> Mapping[int, Mapping[str, Vector]]:
        return self._pool.memories

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state that :meth:`state` gave, and hands out again what was on its way."""
        self._pool.memories = self._take_up(state)
        if self._begun and self._variance_reduced:
            self._pool.begin_outer_loop(self._snapshot)
        for hand_out in self._conductor.outstanding():
            self._pool.submit(hand_out, hand_out.number)
