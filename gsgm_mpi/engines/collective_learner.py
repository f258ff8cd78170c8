"""Learners that average their weights among themselves, under the wall clock (Hier-AVG, K-AVG, SSGD).

No weights go through rank 0: learners average by collectives over their group or over all of them. Each sends rank 0 a
short report of every round, and learner 1 the mean of all weights wherever an epoch ends, to be evaluated. The same
arithmetic as a state machine is gsgm_mpi/methods/averaging.py; both give the same bits.
"""

from __future__ import annotations

import time

import numpy as np
from mpi4py import MPI

from gsgm_mpi.durations import Slowing
from gsgm_mpi.engines.all_mean import all_mean
from gsgm_mpi.engines.failures import barrier, wait
from gsgm_mpi.engines.packing import pack
from gsgm_mpi.engines.parcels import receive
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.wire import ORDER_FIELDS, Header, Tag
from gsgm_mpi.engines.work import Problem, slowed, work_off
from gsgm_mpi.learners import Rule, Vector
from gsgm_mpi.methods.averaging import Schedule, normalised
from gsgm_mpi.plan import EveryEpochs, Plan

#: What a learner wishes for as its weights are averaged; the strongest wish counts.
_GO_ON, _STOP, _DIVERGES = 0.0, 1.0, 2.0


def split(comm: MPI.Intracomm, schedule: Schedule) -> tuple[MPI.Intracomm, MPI.Intracomm]:
    """All learners, and this learner's group; null communicators on rank 0. Called by all ranks."""
    barrier(comm)  # asleep: Split spins
    rank = comm.Get_rank()
    everyone = comm.Split(0 if rank else MPI.UNDEFINED, rank)
    group = comm.Split(schedule.group_of(rank) if rank else MPI.UNDEFINED, rank)
    return everyone, group


class CollectiveLearner:
    """Learner k = rank k.

    Args:
        comm: rank 0 listens, all others learn.
        problem: gives the gradients.
        rule: the steps between two averages.
        w: initial weights, float32, shape (d,).
        schedule: who averages with whom, and when.
        plan: of the run.
        share: weight of each learner in a mean.
        steps: gradients of a round.
        patience: how to wait.
        checkpoints: tells after which rounds the state is to be saved.
        resumed: rank 0 sends where to go on from.
        slowing: makes the learner slower than it is.
    """

    def __init__(
        self,
        comm: MPI.Intracomm,
        problem: Problem,
        rule: Rule,
        w: Vector,
        *,
        schedule: Schedule,
        plan: Plan,
        share: tuple[float, ...],
        steps: int,
        patience: Patience,
        checkpoints: EveryEpochs,
        resumed: bool = False,
        slowing: Slowing | None = None,
    ) -> None:
        self._comm = comm
        self._k = comm.Get_rank()
        self._problem = problem
        self._rule = rule
        self._x = w
        self._schedule = schedule
        self._plan = plan
        self._steps = steps
        self._patience = patience
        self._checkpoints = checkpoints
        self._resumed = resumed
        self._slowing = slowing
        self._everyone, self._group = split(comm, schedule)
        members = schedule.groups[schedule.group_of(self._k)]
        everyone = range(1, plan.learners + 1)
        self._weight_in = {
            together: normalised([share[k - 1] for k in together])[together.index(self._k)]
            for together in (members, tuple(everyone))
        }
        self._members, self._all = members, tuple(everyone)
        self._headers = [Header(steps) for _ in range(2)]
        self._sends: list[MPI.Request] = [MPI.REQUEST_NULL, MPI.REQUEST_NULL]
        self._mean_send: tuple[MPI.Request, Vector] = (MPI.REQUEST_NULL, w)
        self._memory_send: tuple[MPI.Request, np.ndarray] = (MPI.REQUEST_NULL, w)
        self._stop = False
        #: Some loss or gradient was not finite.
        self._bad = False

    def run(self) -> None:
        """Works to the end of the plan, or until all have agreed, where they all meet, to stop."""
        plan = self._plan
        each = plan.loop_budget(0) // plan.learners
        step, wait_s, over = self._take_up() if self._resumed else 0, 0.0, False
        rounds = -(-step // self._steps)
        w = self._x
        while step < each and not over:
            n = min(self._steps, each - step)
            message = self._work(step, n, wait_s)
            began = time.perf_counter()
            rounds += 1
            step += n
            epochs, before = (plan.epochs_complete(i * plan.learners) for i in (step, step - n))
            is_global = self._schedule.is_global(rounds)
            self._x, wish = self._mean(message, everyone=is_global)
            if is_global:
                w = self._x
                # All have the same weights now, so the run can be cut here, and nowhere else.
                over = wish > _GO_ON
            elif epochs > before or step == each:
                w, _ = self._mean(self._x, everyone=True)
            saves = is_global and step < each and wish < _DIVERGES and self._checkpoints.due(epochs)
            if epochs > before or saves:
                self._send_mean(w)
            if saves:
                self._checkpoints.saved(epochs)
                self._send_memory()
            wait_s = time.perf_counter() - began
        self._send_mean(w)
        self._send_memory()
        self._report(self._x, [], [], 0.0, wait_s)
        if self._k == 1 and not self._stop:
            self._comm.Recv(np.zeros(ORDER_FIELDS), source=0, tag=Tag.ORDER)
        MPI.Request.Waitall([*self._sends, self._mean_send[0], self._memory_send[0]])

    def _take_up(self) -> int:
        """Takes up weights and memory where a run was cut; returns the learner's next step."""
        header, memory = receive(self._comm, 0, Tag.MEMORY, self._patience)
        self._x = memory.pop("")
        self._rule.memory = memory
        self._checkpoints.saved(header["epochs"])
        return int(header["step"])

    def _work(self, step: int, n: int, wait_s: float) -> Vector:
        # The rate of a learner's own step: it must not depend on who is ahead.
        lr = self._plan.lr_at(step * self._plan.learners)
        done = work_off(self._problem.gradient, self._rule, self._x, self._k, step, n, lr)
        done = slowed(done, self._slowing, self._k, step)
        self._bad = self._bad or not np.isfinite(done.losses + done.grad_norms).all()
        self._report(done.vector, done.losses, done.grad_norms, done.compute_s, wait_s)
        return done.vector

    def _mean(self, x: Vector, *, everyone: bool) -> tuple[Vector, float]:
        """The mean over the group or over all, and the strongest wish among them."""
        comm, together = (self._everyone, self._all) if everyone else (self._group, self._members)
        if len(together) == 1:
            return x, self._wish()
        weighted = self._weight_in[together] * x.astype(np.float64)
        mean, flag = all_mean(comm, [weighted], x.size, len(together), self._wait, self._wish())
        return mean.astype(np.float32), flag

    def _wait(self, request: MPI.Request) -> None:
        wait(request, self._comm, patience=self._patience)

    def _wish(self) -> float:
        """Rank 0 tells learner 1 alone; the others learn it the next time that all meet."""
        if self._k == 1 and not self._stop and self._comm.Iprobe(source=0, tag=Tag.ORDER):
            self._comm.Recv(np.zeros(ORDER_FIELDS), source=0, tag=Tag.ORDER)
            self._stop = True
        return _DIVERGES if self._bad else _STOP if self._stop else _GO_ON

    def _report(
        self, message: Vector, losses: list[float], norms: list[float], compute_s: float, wait_s: float
    ) -> None:
        self._headers.reverse()
        self._sends.reverse()
        self._patience.until(self._sends[0].Test)
        self._headers[0].fill(message, losses, norms, compute_s, wait_s)
        self._sends[0] = self._comm.Isend(self._headers[0].buffer, dest=0, tag=Tag.REPORT)

    def _send_mean(self, w: Vector) -> None:
        """Learner 1 sends rank 0 the mean of all weights."""
        if self._k == 1:
            self._patience.until(self._mean_send[0].Test)
            self._mean_send = (self._comm.Isend(w, dest=0, tag=Tag.MEAN), w)

    def _send_memory(self) -> None:
        self._patience.until(self._memory_send[0].Test)
        buffer = pack({}, self._rule.memory)
        self._memory_send = (self._comm.Isend(buffer, dest=0, tag=Tag.MEMORY), buffer)
