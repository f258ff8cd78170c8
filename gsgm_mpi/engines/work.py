"""Works off a hand-out: what any rank does that computes, whosever the work is."""

from __future__ import annotations

import time
from typing import NamedTuple, Protocol

import numpy as np

from gsgm_mpi.durations import Slowing
from gsgm_mpi.exact_mean import Float64
from gsgm_mpi.learners import RawGradient, Rule, Vector


class Problem(Protocol):
    """What a learner needs of a problem (docs/architecture.md)."""

    def gradient(self, w: Vector, k: int, i: int) -> tuple[Vector, float]:
        """The raw gradient of learner k's step i, an array of the caller's own, and the loss."""

    def full_gradient(self, w: Vector, k: int) -> Float64:
        """The gradient over learner k's whole shard."""

    def batches(self, k: int) -> int:
        """Batches in one pass over learner k's shard."""


class Done(NamedTuple):
    """A hand-out worked off."""

    vector: Vector
    losses: list[float]
    grad_norms: list[float]
    compute_s: float


def work_off(raw: RawGradient, rule: Rule, w: Vector, k: int, step: int, n: int, lr: float) -> Done:
    """Learner k's n gradients from its step ``step`` on, as its rule has them; see :meth:`Rule.work`."""
    losses: list[float] = []
    norms: list[float] = []

    def gradient(x: Vector) -> Vector:
        g, loss = raw(x, k, step + len(losses))
        losses.append(loss)
        norms.append(float(np.sqrt(np.dot(g, g))))
        return g

    began = time.perf_counter()
    vector = rule.work(w, gradient, n, step, lr)
    return Done(vector, losses, norms, time.perf_counter() - began)


def slowed(done: Done, slowing: Slowing | None, k: int, step: int) -> Done:
    """Waits, where the learner is to be slower than it is; asleep, so that others have the core."""
    if slowing is None:
        return done
    # Measured anew: a sleep is longer than it was asked to be, and the model takes its time too.
    began = time.perf_counter()
    time.sleep(slowing.gradients(k, step, len(done.losses), done.compute_s))
    return done._replace(compute_s=done.compute_s + time.perf_counter() - began)
