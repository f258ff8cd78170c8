"""Small random data sets for the tests of problems."""

from __future__ import annotations

import numpy as np

from gsgm_mpi.data.images import Images


def random_images(shape=(1, 8, 8), classes=3, n=60, m=30, seed=0) -> Images:
    rng = np.random.default_rng(seed)
    arrays = [
        rng.integers(0, 256, (n, *shape), np.uint8),
        rng.integers(0, classes, n),
        rng.integers(0, 256, (m, *shape), np.uint8),
        rng.integers(0, classes, m),
    ]
    for array in arrays:
        array.flags.writeable = False  # as maps of files are
    names = tuple(f"class {c}" for c in range(classes))
    return Images("random", *arrays, names, (0.5,) * shape[0], (0.25,) * shape[0])


def even_shards(n: int, learners: int) -> list[np.ndarray]:
    return np.array_split(np.arange(n), learners)
