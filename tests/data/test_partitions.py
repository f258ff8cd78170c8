"""The rules that deal samples to learners: a partition, always the same, and as described."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsgm_mpi.data.partitions import label_counts, parse_partition, partition_hash, split
from gsgm_mpi.errors import UserError

SPECS = st.one_of(
    st.sampled_from(["sorted", "iid", "mixed:0", "mixed:100", "pathological:1", "pathological:3"]),
    st.floats(0, 100).map(lambda x: f"mixed:{x}"),
    st.floats(1e-4, 1e6).map(lambda a: f"dirichlet:{a}"),
)
LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


def as_lists(parts):
    return [part.tolist() for part in parts]


@given(SPECS, LABELS, st.integers(1, 60), st.integers(0, 3))
def test_every_rule_gives_a_partition_again_and_again(spec, labels, K, seed):
    shards = K * 3 if spec == "pathological:3" else K
    if shards > len(labels):
        with pytest.raises(UserError, match=r"--partition .*training samples"):
            split(spec, labels, K, seed)
        return
    parts = split(spec, labels, K, seed)
    assert len(parts) == K
    assert all(part.dtype == np.int64 and len(part) > 0 for part in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    assert as_lists(parts) == as_lists(split(spec, labels, K, seed))
    counts = label_counts(labels, parts, 5)
    assert counts.shape == (K, 5)
    assert counts.dtype == np.int64
    assert counts.sum(axis=0).tolist() == np.bincount(labels, minlength=5).tolist()
    if spec.startswith(("sorted", "iid", "mixed")):
        sizes = [len(part) for part in parts]
        assert max(sizes) - min(sizes) <= 1


@given(LABELS, st.integers(0, 3), st.data())
def test_the_ends_of_mixed_are_sorted_and_iid(labels, seed, data):
    K = data.draw(st.integers(1, len(labels)))
    fully = as_lists(split("mixed:100", labels, K, seed))
    assert fully == as_lists(split("sorted", labels, K, seed))
    assert as_lists(split("mixed:0", labels, K, seed)) == as_lists(split("iid", labels, K, seed))


def test_sorted_by_hand():
    labels = np.array([1, 0, 2, 0, 1, 2, 0])
    assert as_lists(split("sorted", labels, 3, seed=0)) == [[1, 3, 6], [0, 4], [2, 5]]


def test_half_mixed_gives_each_learner_half_of_its_samples_by_label():
    labels = np.repeat(np.arange(10), 100)
    parts = split("mixed:50", labels, 10, seed=1)
    own = np.diag(label_counts(labels, parts, 10))
    # 50 of its own label, about 5 of the 50 that were dealt evenly; the sort is of what is left.
    assert np.all((own > 35) & (own < 70))
    for part in parts:
        assert len(part) == 100
        assert np.all(np.diff(labels[part[50:]]) >= 0)


def test_iid_gives_every_learner_every_label():
    labels = np.repeat(np.arange(10), 100)
    counts = label_counts(labels, split("iid", labels, 5, seed=3), 10)
    assert counts.min() >= 8


def test_dirichlet_is_skewed_for_small_alpha_and_even_for_large():
    labels = np.repeat(np.arange(10), 200)

    def most_of_a_class(alpha):
        counts = label_counts(labels, split(f"dirichlet:{alpha}", labels, 5, seed=0), 10)
        return counts.max(axis=0).mean() / 200

    assert most_of_a_class(0.01) > 0.9
    assert most_of_a_class(1e6) == pytest.approx(0.2, abs=0.01)


def test_dirichlet_fills_empty_learners_from_the_largest():
    labels = np.zeros(10, int)  # one class and a tiny alpha: one learner gets all ten
    sizes = sorted(len(part) for part in split("dirichlet:0.0001", labels, 10, seed=0))
    assert sizes == [1] * 10
    sizes = sorted(len(part) for part in split("dirichlet:0.0001", labels, 4, seed=0))
    assert sizes == [1, 1, 1, 7]


def test_pathological_learners_see_few_labels():
    labels = np.repeat(np.arange(10), 60)
    parts = split("pathological:2", labels, 10, seed=0)
    assert [len(part) for part in parts] == [60] * 10
    assert (label_counts(labels, parts, 10) > 0).sum(axis=1).max() <= 2


def test_seeds_differ():
    labels = np.arange(50) % 5
    for spec in ("iid", "mixed:30", "dirichlet:0.5", "pathological:2"):
        assert as_lists(split(spec, labels, 5, 0)) != as_lists(split(spec, labels, 5, 1))


def test_the_hash_tells_cuts_and_orders_apart():
    a, b, c = np.array([0, 1]), np.array([2]), np.array([0])
    digests = {partition_hash(parts) for parts in ([a, b], [b, a], [c, np.array([1, 2])], [np.array([0, 1, 2])])}
    assert len(digests) == 4
    assert partition_hash([a, b]) == partition_hash([a.astype(np.int32), b])
    assert all(len(digest) == 16 and int(digest, 16) >= 0 for digest in digests)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("sortd", "did you mean 'sorted'"),
        ("sorted:3", "sorted alone"),
        ("mixed", "0 to 100"),
        ("mixed:101", "0 to 100"),
        ("mixed:nan", "0 to 100"),
        ("dirichlet:0", "alpha"),
        ("dirichlet:-1", "alpha"),
        ("dirichlet:inf", "alpha"),
        ("pathological:0", "whole number"),
        ("pathological:1.5", "whole number"),
        ("pathological:x", "whole number"),
    ],
)
def test_bad_specs(spec, words):
    with pytest.raises(UserError, match=words) as error:
        parse_partition(spec)
    assert "--partition" in str(error.value)
    assert "\n" not in str(error.value)


def test_too_many_learners_says_how_many_of_each():
    with pytest.raises(UserError, match=r"5 training samples for 8 learners; start at most 6"):
        split("iid", np.zeros(5, int), 8, 0)
    with pytest.raises(UserError, match=r"12 shards .* pathological:2"):
        split("pathological:3", np.zeros(9, int), 4, 0)
    with pytest.raises(UserError, match="at least 1 learner"):
        split("iid", np.zeros(5, int), 0, 0)
