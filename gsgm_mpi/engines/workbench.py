"""Computes for any learner: what a rank does where ranks and learners are not the same."""

from __future__ import annotations

from collections.abc import Callable

from mpi4py import MPI

from gsgm_mpi.engines.full_gradient import full_gradient
from gsgm_mpi.engines.work import Done, Problem, work_off
from gsgm_mpi.learners import RawGradient, Rule, VarianceReduced, Vector

#: What a learner's rule remembers from one hand-out to the next.
Memory = dict[str, Vector]


class Workbench:
    """One rank's problem and rule, lent to whichever learner's work is to be done.

    Args:
        comm: all ranks. Rank 0 computes only where it is alone.
        problem: gives the gradients of every learner.
        rule: of the learners; its memory is put in and taken out.
        learners: K.
    """

    def __init__(self, comm: MPI.Intracomm, problem: Problem, rule: Rule, learners: int) -> None:
        self._comm = comm
        self._problem = problem
        self._rule = rule
        self._raw: RawGradient = problem.gradient
        self._learners = learners
        ranks = range(1, comm.Get_size()) or range(1)
        mine = [k for k in range(1, learners + 1) if ranks[(k - 1) % len(ranks)] == comm.Get_rank()]
        self._mine = mine

    def work(self, k: int, step: int, n: int, lr: float, w: Vector, memory: Memory) -> tuple[Done, Memory]:
        """Learner k's hand-out, and what its rule remembers afterwards; ``memory`` is only read."""
        self._rule.memory = dict(memory)
        done = work_off(self._raw, self._rule, w, k, step, n, lr)
        return done, self._rule.memory

    def begin_outer_loop(self, snapshot: Vector, idle: Callable[[], object] = lambda: None) -> Vector:
        """Takes part in the full-gradient phase, which all ranks must; returns μ."""
        full = self._problem.full_gradient
        mu = full_gradient(self._comm, snapshot, self._learners, lambda w: [full(w, k) for k in self._mine], idle)
        self._raw = VarianceReduced(self._problem.gradient, snapshot, mu)
        return mu
