"""Every random number of a run: one counter-based stream for each (seed, purpose, k, i).

A stream depends on nothing but these four integers, so any rank can compute any learner's gradient, and a run can be
replayed or resumed from any point. ``Philox`` (Salmon et al., SC 2011) keyed through ``numpy.random.SeedSequence``.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for. Numbers are part of every recorded run: never renumber, only append."""

    WEIGHTS = 1  #: initial weights of the model
    PARTITION = 2  #: shuffles that deal samples to learners
    BATCHES = 3  #: order of learner k's shard in pass i
    DROPOUT = 4  #: dropout masks of learner k's step i
    AUGMENT = 5  #: flips and crops of learner k's step i
    VALIDATION = 6  #: which training samples are held out
    SYNTHETIC = 7  #: synthetic data sets
    STATISTICS = 8  #: the sample from which running statistics are recomputed
    PARTICIPATION = 9  #: the learners chosen for round i
    DURATIONS = 10  #: how long learner k's step i takes
    SPEEDS = 11  #: how fast learner k is


def stream(seed: int, purpose: Purpose, k: int = 0, i: int = 0) -> np.random.Generator:
    """The generator of one stream, at its beginning."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, int(purpose), k, i))))


def torch_seed(seed: int, purpose: Purpose, k: int = 0, i: int = 0) -> int:
    """A 63-bit seed for ``torch.manual_seed``, drawn from the same key as :func:`stream`."""
    words = np.random.SeedSequence((seed, int(purpose), k, i)).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))
