from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsgm_mpi.problems.batches import Shard


@given(n=st.integers(1, 50), size=st.integers(1, 60), number=st.integers(0, 3))
def test_a_pass_covers_the_shard_once_and_only_its_last_batch_is_short(n, size, number):
    index = np.random.default_rng(n).permutation(1000)[:n]
    shard = Shard(index, size, k=2, seed=5)
    count = shard.batches()
    assert count == -(-n // size)
    batches = [shard.batch(number * count + j) for j in range(count)]
    assert sorted(np.concatenate(batches)) == sorted(index)
    assert all(len(b) == min(size, n) for b in batches[:-1])
    assert len(batches[-1]) == n - (count - 1) * min(size, n)
    assert shard.smallest() == min(map(len, batches))


def test_a_batch_depends_on_seed_learner_and_step_but_not_on_what_was_asked_before():
    index = np.arange(100, 140)
    forward = [Shard(index, 9, 1, 0).batch(i) for i in range(15)]
    shard = Shard(index, 9, 1, 0)
    backward = [shard.batch(i) for i in reversed(range(15))][::-1]
    for a, b in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(forward[0], forward[5])  # the next pass has another order
    assert not np.array_equal(forward[0], Shard(index, 9, 2, 0).batch(0))
    assert not np.array_equal(forward[0], Shard(index, 9, 1, 1).batch(0))


def test_a_batch_larger_than_the_shard_is_the_shard():
    shard = Shard(np.array([7, 3, 5]), 100, 1, 0)
    assert shard.batches() == 1
    assert sorted(shard.batch(4)) == [3, 5, 7]


def test_an_empty_shard_and_an_empty_batch_are_refused():
    with pytest.raises(ValueError, match="learner 3 has no samples"):
        Shard(np.array([], np.int64), 10, 3, 0)
    with pytest.raises(ValueError, match="at least 1 sample"):
        Shard(np.arange(3), 0, 3, 0)
