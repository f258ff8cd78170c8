"""The learner's side of a method: what is done with weights and gradients before a message is sent.

Pure: a rule knows no MPI, no torch and no clock. Everything it remembers from one hand-out to the next is in
``memory``, which travels with the work when another rank computes it and is saved in every checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: float32, shape (d,)
Vector = NDArray[np.float32]
#: The raw gradient at given weights; each call takes the learner's next step (i, i + 1, ...).
Gradient = Callable[[Vector], Vector]


class Rule:
    """Base of all rules; one object a learner."""

    def __init__(self) -> None:
        self.memory: dict[str, NDArray[Any]] = {}

    def steps(self, batches: int) -> int:
        """How many gradients one hand-out asks for, of a learner whose shard has ``batches`` batches."""
        raise NotImplementedError

    def work(self, w: Vector, gradient: Gradient, n: int, i: int, lr: float) -> Vector:
        """Works off one hand-out and returns the message, shape (d,).

        Args:
            w: the weights the learner has, shape (d,); not to be written to.
            gradient: called exactly ``n`` times.
            n: gradients to compute, at most :meth:`steps`.
            i: the learner's own step number of the first of them.
            lr: the learning rate in force when the work was handed out.
        """
        raise NotImplementedError


class Plain(Rule):
    """One gradient at the weights received: g = ∇f_k(w) (GSGM paper, Algorithm 1)."""

    def steps(self, batches: int) -> int:
        del batches
        return 1

    def work(self, w: Vector, gradient: Gradient, n: int, i: int, lr: float) -> Vector:
        del i, lr
        assert n == 1, "a plain hand-out is one gradient"
        return gradient(w)
