"""Generated data sets: deterministic, complete and learnable."""

from __future__ import annotations

import numpy as np
import pytest

from gsgm_mpi.data import catalog, synthetic
from gsgm_mpi.errors import UserError


def generate(spec, seed=0):
    facts, train, test = synthetic.source(catalog.parse(spec), seed).read()
    x, test_x = (np.concatenate(list(part.chunks)) for part in (train, test))
    return facts, x, train.labels, test_x, test.labels


def test_shapes_sizes_and_classes():
    facts, x, y, test_x, test_y = generate("synthetic:3x9x20:7:100")
    assert facts.classes == tuple("0123456")
    assert (x.shape, x.dtype) == ((100, 3, 9, 20), np.uint8)
    assert (test_x.shape, len(test_y)) == ((20, 3, 9, 20), 20)
    assert np.bincount(y).tolist() == [15, 15, 14, 14, 14, 14, 14]
    assert set(test_y) == set(range(7))


def test_few_samples_still_have_a_test_sample_of_each_class():
    *_, test_y = generate("synthetic:1x1x1:5:6")
    assert sorted(test_y) == [0, 1, 2, 3, 4]


def test_the_seed_decides():
    first, same, other = (generate("synthetic:1x4x4:3:30", seed) for seed in (1, 1, 2))
    assert np.array_equal(first[1], same[1])
    assert np.array_equal(first[2], same[2])
    assert not np.array_equal(first[1], other[1])


def test_chunks_are_bounded_and_differ(monkeypatch):
    monkeypatch.setattr(synthetic, "_CHUNK_PIXELS", 10 * 16)
    _, train, _ = synthetic.source(catalog.parse("synthetic:1x4x4:2:25"), 0).read()
    chunks = list(train.chunks)
    assert [len(chunk) for chunk in chunks] == [10, 10, 5]
    assert not np.array_equal(chunks[0], chunks[1])


def test_the_nearest_class_mean_tells_test_samples():
    _, x, y, test_x, test_y = generate("synthetic:1x8x8:10:1000")
    means = np.stack([x[y == label].mean(axis=0) for label in range(10)])
    distances = ((test_x[:, np.newaxis] - means) ** 2).sum(axis=(2, 3, 4))
    assert (distances.argmin(axis=1) == test_y).mean() > 0.9


@pytest.mark.parametrize(
    "spec",
    [
        "",
        ":1x8x8",
        ":1x8x8:10",
        ":8x8:10:100",
        ":1x8x8:1:100",
        ":1x0x8:2:9",
        ":1x8x8:10:9",
        ":axbxc:d:e",
    ],
)
def test_malformed_specs(spec):
    with pytest.raises(UserError, match=r"--dataset must be of the form synthetic:CxHxW:classes:n"):
        catalog.parse(f"synthetic{spec}")


def test_other_names():
    assert catalog.parse("digits").facts.shape == (1, 8, 8)
    assert len(set(catalog.FACTS["cifar100"].classes)) == 100
    with pytest.raises(UserError, match="did you mean 'cifar10'"):
        catalog.parse("cifar11")
    with pytest.raises(UserError, match="mnist alone"):
        catalog.parse("mnist:1")
    with pytest.raises(UserError, match="folder:PATH"):
        catalog.parse("folder:")
