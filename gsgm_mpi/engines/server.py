"""The server's loop under the wall clock: the order of arrival is whatever MPI delivers.

To save its state in the midst of a run the server pauses: hand-outs are put aside, what the learners have at work comes
in and is used, and then nothing is under way but what was put aside. That costs about the time of one message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from mpi4py import MPI

from gsgm_mpi.engines.clock import Happening, Kind
from gsgm_mpi.engines.conductor import Conductor, HandOut, Report
from gsgm_mpi.engines.engine import LoopEngine
from gsgm_mpi.engines.failures import raise_failure
from gsgm_mpi.engines.full_gradient import full_gradient
from gsgm_mpi.engines.hooks import Journal, Saver
from gsgm_mpi.engines.packing import pack
from gsgm_mpi.engines.parcels import receive
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.wire import Message, Order, Tag, fingerprint
from gsgm_mpi.learners import Vector


class Server(LoopEngine):
    """Rank 0.

    Args:
        comm: ranks 1..K are the learners.
        conductor: decides.
        journal: records.
        saver: of checkpoints.
        steps: most gradients in a message of any learner.
        variance_reduced: whether each loop begins with a full-gradient phase.
        stop_requested: whether the run is to end early.
        elapsed: seconds since the run began.
        patience: how to wait.
    """

    def __init__(
        self,
        comm: MPI.Intracomm,
        conductor: Conductor,
        journal: Journal,
        saver: Saver,
        *,
        steps: int,
        variance_reduced: bool,
        stop_requested: Callable[[], bool],
        elapsed: Callable[[], float],
        patience: Patience,
    ) -> None:
        super().__init__(conductor, stop_requested, variance_reduced=variance_reduced)
        self._comm = comm
        self._learners = range(1, comm.Get_size())
        self._journal = journal
        self._saver = saver
        self._elapsed = elapsed
        self._patience = patience
        self._message = Message(conductor.method.w.size, steps)
        self._status = MPI.Status()
        self._sends: deque[tuple[MPI.Request, np.ndarray]] = deque()
        #: What each learner's rule remembers, as of the last pause.
        self._memories: dict[int, dict[str, Vector]] = {}
        self._at_work = 0
        self._pausing = False
        self._put_aside: list[HandOut] = []

    def run(self) -> None:
        """See :class:`LoopEngine`; then stops all learners."""
        super().run()
        if self.stopped:
            self._ask_for_memories()
        for k in self._learners:
            self._order(k, Order.STOP)
        MPI.Request.Waitall([request for request, _ in self._sends])

    def _train(self) -> bool:
        conductor = self._conductor
        while not conductor.loop_done:
            self._pausing = self._pausing or self._stopping() or self._saver.due(conductor.epochs)
            if self._pausing and not self._at_work:
                if self.stopped:
                    return False
                self._ask_for_memories()
                self._saver.save()
                self._go_on()
            source = self._probe()
            if source:
                self._patience.reset()
                self._take(source)
            if not self._journal.tick() and not source:
                self._patience.pause()
        return True

    def _go_on(self) -> None:
        self._pausing = False
        put_aside, self._put_aside = self._put_aside, []
        for hand_out in put_aside:
            self._dispatch(hand_out)

    def _probe(self) -> int:
        """Receives one message, if there is one; returns its learner, or 0."""
        message = self._comm.Improbe(source=MPI.ANY_SOURCE, tag=Tag.MESSAGE, status=self._status)
        if message is None:
            raise_failure(self._comm)
            return 0
        message.Recv(self._message.buffer)
        return self._status.Get_source()

    def _take(self, k: int) -> None:
        self._now_s = now = self._elapsed()
        message = self._message
        self._at_work -= 1
        expected = self._conductor.expected(k)
        assert expected is not None
        self._journal.on_sent(message.vector.nbytes)
        happening = Happening(Kind.MESSAGE, k, message.compute_s, message.wait_s, arrival_s=now, now_s=now)
        self._journal.on_event(happening, message.fingerprint, expected)
        report = Report(message.losses, message.grad_norms, message.compute_s, now)
        self._send(self._conductor.message(k, message.vector, report, now))

    def _send(self, hand_outs: Iterable[HandOut]) -> None:
        for hand_out in hand_outs:
            if hand_out.fresh:
                self._journal.on_sent(hand_out.weights.nbytes)
            if self._pausing:
                self._put_aside.append(hand_out)
            else:
                self._dispatch(hand_out)

    def _dispatch(self, hand_out: HandOut) -> None:
        kind = Order.WORK if hand_out.fresh else Order.AGAIN
        self._order(hand_out.k, kind, hand_out.step, hand_out.n, hand_out.lr)
        if hand_out.fresh:
            self._isend(hand_out.weights, hand_out.k, Tag.WEIGHTS)
        self._at_work += 1

    def _order(self, k: int, kind: Order, step: int = 0, n: int = 0, lr: float = 0.0) -> None:
        self._isend(np.array([kind, step, n, lr], dtype=np.float64), k, Tag.ORDER)

    def _isend(self, vector: np.ndarray, k: int, tag: Tag) -> None:
        """Sends without waiting; the vector must not change, and is kept until it has gone."""
        self._sends.append((self._comm.Isend(vector, dest=k, tag=tag), vector))
        while self._sends and self._sends[0][0].Test():
            self._sends.popleft()

    def _full_gradient(self) -> bool:
        began = self._elapsed()
        mu = self._form_mu()
        now = self._elapsed()
        self._now_s = now
        happening = Happening(Kind.FULL_GRADIENT, 0, now - began, 0.0, arrival_s=now, now_s=now)
        self._journal.on_event(happening, fingerprint(mu))
        # Snapshot down in float32; the full gradient up and down as 64-bit integers.
        self._journal.on_sent(len(self._learners) * (4 + 8 + 8) * mu.size)
        return True

    def _form_mu(self) -> Vector:
        for k in self._learners:
            self._order(k, Order.FULL_GRADIENT)
        return full_gradient(self._comm, self._snapshot, len(self._learners), lambda _: (), self._journal.tick)

    def _ask_for_memories(self) -> None:
        """All learners, none of which has anything at work, say what their rules remember."""
        for k in self._learners:
            self._order(k, Order.REMEMBER)
        for k in self._learners:
            self._memories[k] = receive(self._comm, k, Tag.MEMORY, self._patience)[1]

    def _memories_now(self) -> Mapping[int, Mapping[str, Vector]]:
        assert not self._at_work, "only while paused"
        return self._memories

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state that :meth:`state` gave, and hands out again what was on its way."""
        memories = self._take_up(state)
        for k in self._learners:
            weights = self._conductor.weights_of(k)
            self._order(k, Order.RECALL)
            self._isend(pack({}, memories[k] if weights is None else {**memories[k], "": weights}), k, Tag.MEMORY)
        if self._begun and self._variance_reduced:
            self._form_mu()
        for hand_out in self._conductor.outstanding():
            self._dispatch(hand_out._replace(fresh=True))
