"""SVRG's gradient (Johnson and Zhang, 2013), as GSGM's Algorithm 3 means it.

Symbols: w̃ snapshot, frozen for one outer loop; μ = ∇f(w̃) full gradient; w latest weights received; b learner k's
batch of step i. The corrected gradient of equation (3) is

    g = ∇f_k(w; b) − ∇f_k(w̃; b) + μ

Algorithm 3 as printed sets w = w_t and subtracts ∇f_k(w_t; b), which cancels the first term and would leave a constant;
the snapshot of equation (3) is what is meant (docs/algorithms.md).
"""

from __future__ import annotations

from collections.abc import Callable

from gsgm_mpi.learners.base import Vector

#: The raw gradient of learner k's step i at given weights, with its loss.
RawGradient = Callable[[Vector, int, int], tuple[Vector, float]]


class VarianceReduced:
    """The gradient of one outer loop: two evaluations on the same batch, and μ.

    Args:
        raw: pure in (w, k, i); must return an array of the caller's own, which is then written to.
        snapshot: w̃, shape (d,).
        mu: μ, shape (d,).
    """

    def __init__(self, raw: RawGradient, snapshot: Vector, mu: Vector) -> None:
        self._raw = raw
        self._snapshot = snapshot
        self._mu = mu

    def __call__(self, w: Vector, k: int, i: int) -> tuple[Vector, float]:
        """The corrected gradient, shape (d,), and the loss at ``w``."""
        g, loss = self._raw(w, k, i)
        g -= self._raw(self._snapshot, k, i)[0]
        g += self._mu
        return g, loss
