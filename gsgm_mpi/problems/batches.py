"""Which samples learner k's step i uses: a function of (seed, k, i), without state that matters."""

from __future__ import annotations

import numpy as np

from gsgm_mpi.streams import Purpose, stream


class Shard:
    """One learner's samples, cut into batches; every pass over them has its own order.

    Args:
        index: int64 (n_k,), the learner's samples within the training part, at least one.
        batch_size: samples in a batch, at least 1. The last batch of a pass may be shorter; where
            the batch is larger than the shard, the shard is the batch.
        k: the learner, from 1.
        seed: of the run.

    Raises:
        ValueError: for an empty shard or a batch size below 1.
    """

    def __init__(self, index: np.ndarray, batch_size: int, k: int, seed: int) -> None:
        if len(index) == 0:
            raise ValueError(f"learner {k} has no samples")
        if batch_size < 1:
            raise ValueError(f"a batch has at least 1 sample, not {batch_size}")
        self.index = np.asarray(index, np.int64)
        self.batch_size = batch_size
        self.k = k
        self.seed = seed
        # Steps mostly come in order, so the order of one pass is kept; a step of any other pass
        # replaces it, at the price of a permutation.
        self._pass = -1
        self._order = self.index

    def batches(self) -> int:
        """Batches in one pass, ceil(n_k / B)."""
        return -(-len(self.index) // self.batch_size)

    def smallest(self) -> int:
        """Samples in the smallest batch of a pass."""
        return len(self.index) % self.batch_size or min(self.batch_size, len(self.index))

    def batch(self, i: int) -> np.ndarray:
        """The samples of step i, from 0: int64 (B,), or fewer in the last batch of a pass."""
        number, position = divmod(i, self.batches())
        if number != self._pass:
            rng = stream(self.seed, Purpose.BATCHES, self.k, number)
            self._order = self.index[rng.permutation(len(self.index))]
            self._pass = number
        return self._order[position * self.batch_size : (position + 1) * self.batch_size]
