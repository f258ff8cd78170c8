"""The server's loop under the wall clock: the order of arrival is whatever MPI delivers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
from mpi4py import MPI

from gsgm_mpi.engines.conductor import Conductor, HandOut, Report
from gsgm_mpi.engines.failures import raise_failure
from gsgm_mpi.engines.full_gradient import full_gradient
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.wire import Message, Order, Tag


class Journal(Protocol):
    """Who is told of what only the engine sees."""

    def on_message(self, k: int, compute_s: float, wait_s: float, fingerprint: int) -> None:
        """A message has come."""

    def on_stop(self) -> None:
        """The run is being stopped before its end."""

    def on_sent(self, payload_bytes: int) -> None:
        """Vectors have travelled, in either direction."""

    def on_full_gradient(self) -> None:
        """A full pass over the data has been made."""

    def tick(self) -> bool:
        """Called between messages: does a little of what can wait, and says whether there was anything."""


class Server:
    """Rank 0.

    Args:
        comm: ranks 1..K are the learners.
        conductor: decides.
        journal: records.
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
        *,
        steps: int,
        variance_reduced: bool,
        stop_requested: Callable[[], bool],
        elapsed: Callable[[], float],
        patience: Patience,
    ) -> None:
        self._comm = comm
        self._learners = range(1, comm.Get_size())
        self._conductor = conductor
        self._journal = journal
        self._variance_reduced = variance_reduced
        self._stop_requested = stop_requested
        self._elapsed = elapsed
        self._patience = patience
        self._message = Message(conductor.method.w.size, steps)
        self._status = MPI.Status()
        self._sends: deque[tuple[MPI.Request, np.ndarray]] = deque()
        #: The run was ended early on request.
        self.stopped = False

    @property
    def update(self) -> int:
        """Gradients used or dropped so far."""
        return self._conductor.update

    @property
    def diverged(self) -> bool:
        """Some loss or gradient was not finite."""
        return self._conductor.diverged

    def run(self) -> None:
        """Trains to the end of the plan, a request to stop, or divergence; then stops all learners."""
        plan = self._conductor.plan
        for loop in range(plan.loops):
            if self._variance_reduced and not self._stopping():
                self._full_gradient()
            if self._stopping():
                break
            self._train(loop)
            if self._conductor.diverged:
                break
        for k in self._learners:
            self._order(k, Order.STOP)
        MPI.Request.Waitall([request for request, _ in self._sends])

    def _train(self, loop: int) -> None:
        conductor = self._conductor
        self._send(conductor.begin_loop(loop))
        while not conductor.loop_done:
            if self._stopping():
                conductor.stop()
            source = self._probe()
            if source:
                self._patience.reset()
                self._take(source)
            if not self._journal.tick() and not source:
                self._patience.pause()

    def _stopping(self) -> bool:
        """Whether the run is to end early; notes it the first time."""
        if not self.stopped and self._stop_requested():
            self.stopped = True
            self._journal.on_stop()
        return self.stopped

    def _probe(self) -> int:
        """Receives one message, if there is one; returns its learner, or 0."""
        message = self._comm.Improbe(source=MPI.ANY_SOURCE, tag=Tag.MESSAGE, status=self._status)
        if message is None:
            raise_failure(self._comm)
            return 0
        message.Recv(self._message.buffer)
        return self._status.Get_source()

    def _take(self, k: int) -> None:
        now = self._elapsed()
        message = self._message
        report = Report(message.losses, message.grad_norms, message.compute_s, now)
        self._journal.on_sent(message.vector.nbytes)
        self._journal.on_message(k, message.compute_s, message.wait_s, message.fingerprint)
        self._send(self._conductor.message(k, message.vector, report, now))

    def _send(self, hand_outs: Iterable[HandOut]) -> None:
        for hand_out in hand_outs:
            kind = Order.WORK if hand_out.fresh else Order.AGAIN
            self._order(hand_out.k, kind, hand_out.step, hand_out.n, hand_out.lr)
            if hand_out.fresh:
                self._isend(hand_out.weights, hand_out.k, Tag.WEIGHTS)
                self._journal.on_sent(hand_out.weights.nbytes)

    def _order(self, k: int, kind: Order, step: int = 0, n: int = 0, lr: float = 0.0) -> None:
        self._isend(np.array([kind, step, n, lr], dtype=np.float64), k, Tag.ORDER)

    def _isend(self, vector: np.ndarray, k: int, tag: Tag) -> None:
        """Sends without waiting; the vector must not change, and is kept until it has gone."""
        self._sends.append((self._comm.Isend(vector, dest=k, tag=tag), vector))
        while self._sends and self._sends[0][0].Test():
            self._sends.popleft()

    def _full_gradient(self) -> None:
        snapshot = self._conductor.method.w.copy()
        for k in self._learners:
            self._order(k, Order.FULL_GRADIENT)
        full_gradient(self._comm, snapshot, None, self._journal.tick)
        self._journal.on_full_gradient()
        # Snapshot down in float32; the full gradient up and down as 64-bit integers.
        self._journal.on_sent(len(self._learners) * (4 + 8 + 8) * snapshot.size)
