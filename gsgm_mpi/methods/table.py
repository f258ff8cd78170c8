"""Sums and counts of each learner's gradients, and the mean of their means."""

from __future__ import annotations

import numpy as np

from gsgm_mpi.learners import Vector
from gsgm_mpi.state import Stateful


class GradientTable(Stateful):
    """G_k, the sum, and b_k, the count, of what learner k has given."""

    def __init__(self) -> None:
        self.sums: dict[int, Vector] = {}
        self.counts: dict[int, int] = {}

    def add(self, k: int, g: Vector) -> None:
        """Takes in a gradient, shape (d,), which is copied."""
        if k in self.sums:
            self.sums[k] += g
            self.counts[k] += 1
        else:
            self.sums[k], self.counts[k] = g.copy(), 1

    def mean(self) -> Vector:
        """The mean over learners of G_k/b_k, in order of the learners; not of an empty table."""
        total = np.zeros_like(next(iter(self.sums.values())))
        for k in sorted(self.sums):
            total += self.sums[k] / self.counts[k]
        total /= len(self.sums)
        return total
