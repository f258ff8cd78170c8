"""A learner's loop under the wall clock: receive an order, work, send the message."""

from __future__ import annotations

import time

import numpy as np
from mpi4py import MPI

from gsgm_mpi.durations import Slowing
from gsgm_mpi.engines.full_gradient import full_gradient
from gsgm_mpi.engines.packing import pack
from gsgm_mpi.engines.parcels import receive
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.wire import ORDER_FIELDS, Message, Order, Tag
from gsgm_mpi.engines.work import Problem, slowed, work_off
from gsgm_mpi.exact_mean import Float64
from gsgm_mpi.learners import Rule, VarianceReduced, Vector


class Learner:
    """Learner k = rank k.

    Receives are posted before anything is sent, so the server never waits for a learner that is itself sending.

    Args:
        comm: rank 0 is the server.
        problem: gives the gradients.
        rule: what is done with them.
        d: length of the weights.
        steps: most gradients in a message of any learner.
        patience: how to wait.
        slowing: makes the learner slower than it is.
    """

    def __init__(
        self,
        comm: MPI.Intracomm,
        problem: Problem,
        rule: Rule,
        d: int,
        steps: int,
        patience: Patience,
        slowing: Slowing | None = None,
    ) -> None:
        self._comm = comm
        self._k = comm.Get_rank()
        self._problem = problem
        self._raw = problem.gradient
        self._rule = rule
        self._patience = patience
        self._slowing = slowing
        self._order = np.zeros(ORDER_FIELDS)
        self._w = np.empty(d, dtype=np.float32)
        self._next_w = np.empty(d, dtype=np.float32)
        self._messages = [Message(d, steps) for _ in range(2)]
        self._sends: list[MPI.Request] = [MPI.REQUEST_NULL, MPI.REQUEST_NULL]

    def run(self) -> None:
        """Works until the server says stop."""
        comm = self._comm
        order = comm.Irecv(self._order, source=0, tag=Tag.ORDER)
        weights = comm.Irecv(self._next_w, source=0, tag=Tag.WEIGHTS)
        while True:
            began = time.perf_counter()
            self._patience.until(order.Test)
            kind, step, n, lr = self._order.tolist()
            if kind == Order.STOP:
                break
            order = comm.Irecv(self._order, source=0, tag=Tag.ORDER)
            if kind == Order.FULL_GRADIENT:
                self._begin_outer_loop()
                continue
            if kind == Order.REMEMBER:
                memory = pack({}, self._rule.memory)
                self._patience.until(comm.Isend(memory, dest=0, tag=Tag.MEMORY).Test)
                continue
            if kind == Order.RECALL:
                self._recall()
                continue
            if kind == Order.WORK:
                self._patience.until(weights.Test)
                self._w, self._next_w = self._next_w, self._w
                weights = comm.Irecv(self._next_w, source=0, tag=Tag.WEIGHTS)
            self._work(int(step), int(n), lr, time.perf_counter() - began)
        weights.Cancel()
        weights.Wait()
        MPI.Request.Waitall(self._sends)

    def _work(self, step: int, n: int, lr: float, wait_s: float) -> None:
        done = work_off(self._raw, self._rule, self._w, self._k, step, n, lr)
        done = slowed(done, self._slowing, self._k, step)
        self._messages.reverse()
        self._sends.reverse()
        self._patience.until(self._sends[0].Test)
        message = self._messages[0]
        message.pack(done.vector, done.losses, done.grad_norms, done.compute_s, wait_s)
        self._sends[0] = self._comm.Isend(message.buffer, dest=0, tag=Tag.MESSAGE)

    def _recall(self) -> None:
        _, memory = receive(self._comm, 0, Tag.MEMORY, self._patience)
        if "" in memory:
            self._w[:] = memory.pop("")
        self._rule.memory = memory

    def _begin_outer_loop(self) -> None:
        snapshot = np.empty_like(self._w)
        learners = self._comm.Get_size() - 1
        mu = full_gradient(self._comm, snapshot, learners, self._full_pass)
        self._raw = VarianceReduced(self._problem.gradient, snapshot, mu)

    def _full_pass(self, w: Vector) -> list[Float64]:
        began = time.perf_counter()
        gradient = self._problem.full_gradient(w, self._k)
        if self._slowing is not None:
            took_s = time.perf_counter() - began
            time.sleep(self._slowing.full_pass(self._k, self._problem.batches(self._k), took_s))
        return [gradient]
