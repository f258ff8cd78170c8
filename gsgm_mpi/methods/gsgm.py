"""GSGM: gradient scheduling with global momentum.

Chengjie Li, Ruixuan Li, Haozhao Wang, Yuhua Li, Pan Zhou, Song Guo, Keqin Li: Gradient Scheduling with Global Momentum
for Non-IID Data Distributed Asynchronous Training. IEEE Internet of Things Journal 9(19), 2022; arXiv 1902.07848.
Algorithm 2.

Symbols: w weights, v velocity, α momentum, η learning rate, g gradient of learner k, u = g_unbiased, s running sum and
c running count of the u of this round (s/c = g_pa, the partly averaged gradients), A active learners, L white list, Q
wait queue.

    u ← αv + g;  s ← s + u;  c ← c + 1;  w ← w − ηu            (lines 18-20 and 9-11)
    when L is empty: v ← s/c;  s, c ← 0;  L ← A;  Q in order     (lines 3-16)

Exact identity, used as the oracle: with ḡ_r the mean of the gradients of round r, v_{r+1} = αv_r + ḡ_r and
w_{r+1} = w_r − ηK·v_{r+1}: heavy-ball SGD on round means, taken in K sub-steps.

Two readings differ from the printed algorithm, for a reason. A round closes as soon as L is empty, not at the next
arrival (``literal`` restores that; the order of updates and so the weights are the same). And a learner that has left
is no longer waited for: printed as it is, L would never empty again, and the others would be blocked for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np

from gsgm_mpi.learners import Vector
from gsgm_mpi.methods.base import About, Drop, Event, Method, Option, Reply, Use

Momentum = Annotated[float, Option("momentum α", "a number in [0, 1)", lambda a: 0 <= a < 1)]
Literal = Annotated[
    bool,
    Option("close a round only at the next arrival, as printed", "true or false", lambda _: True),
]


class Gsgm(Method):
    """White list, wait queue, and momentum over partly averaged gradients.

    Args:
        w0, learners, lr, share, seed: see :class:`Method`.
        momentum: α.
        literal: test "L is empty" only when a gradient arrives, as Algorithm 2 is printed.
    """

    name: ClassVar[str] = "gsgm"
    paper: ClassVar[str] = "Li et al. 2022, IEEE IoT-J 9(19), arXiv 1902.07848"

    def __init__(
        self,
        w0: Vector,
        learners: Sequence[int],
        *,
        lr: float,
        share: Sequence[float] | None = None,
        seed: int = 0,
        momentum: Momentum = 0.9,
        literal: Literal = False,
    ) -> None:
        super().__init__(w0, learners, lr=lr, share=share, seed=seed)
        self.momentum = float(momentum)
        self.literal = literal
        self._v = np.zeros_like(self.w)
        self._s = np.zeros_like(self.w)
        self._c = 0
        self._u = np.empty_like(self.w)
        self._active: set[int] = set()
        self._white: set[int] = set()
        self._queue: list[tuple[int, Vector]] = []

    def start(self) -> Iterator[Event]:
        assert not self._queue, "nothing is held at a start"
        self._active = set(self.learners)
        self._white = set(self.learners)
        for k in self.learners:
            yield Reply(k)

    def on_gradient(self, k: int, g: Vector, about: About = About()) -> Iterator[Event]:  # noqa: B008
        del about
        if self.literal:
            yield from self._close()
        if k in self._white:
            yield from self._apply(k, g)
        else:
            self._queue.append((k, g.copy()))
        if not self.literal:
            yield from self._close()

    def on_leave(self, k: int) -> Iterator[Event]:
        self._active.discard(k)
        self._white.discard(k)
        if any(held == k for held, _ in self._queue):
            self._queue = [(held, g) for held, g in self._queue if held != k]
            yield Drop(k)
        # The literal reading closes here too: the arrival it waits for may never come.
        yield from self._close()
        if not self._active:
            self._average()

    def on_join(self, k: int) -> Iterator[Event]:
        # White-listed from the next round on: it may have been used in this one already, before it left.
        self._active.add(k)
        yield from self._close()
        yield Reply(k)

    def _apply(self, k: int, g: Vector) -> Iterator[Event]:
        yield Use(k)
        u = self._u
        np.multiply(self._v, self.momentum, out=u)
        u += g
        self._s += u
        self._c += 1
        u *= self.lr
        self.w -= u
        self.version += 1
        self._white.discard(k)
        yield Reply(k)

    def _close(self) -> Iterator[Event]:
        while not self._white and self._active:
            self._average()
            self._white = set(self._active)
            queue, self._queue = self._queue, []
            for k, g in queue:
                yield from self._apply(k, g)

    def _average(self) -> None:
        """Sets v to g_pa. Divides by the count present, so a round that learners left is still a mean."""
        if self._c:
            np.divide(self._s, self._c, out=self._v)
            self._s.fill(0)
            self._c = 0

    def state(self) -> dict[str, Any]:
        return {
            "w": self.w.copy(),
            "version": self.version,
            "v": self._v.copy(),
            "s": self._s.copy(),
            "c": self._c,
            "active": np.array(sorted(self._active), dtype=np.int64),
            "white": np.array(sorted(self._white), dtype=np.int64),
            "queue_k": np.array([k for k, _ in self._queue], dtype=np.int64),
            "queue_g": np.array([g for _, g in self._queue], dtype=np.float32).reshape(-1, self.w.size),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.w[:] = state["w"]
        self.version = int(state["version"])
        self._v[:] = state["v"]
        self._s[:] = state["s"]
        self._c = int(state["c"])
        self._active = {int(k) for k in state["active"]}
        self._white = {int(k) for k in state["white"]}
        self._queue = [(int(k), g.copy()) for k, g in zip(state["queue_k"], state["queue_g"], strict=True)]
