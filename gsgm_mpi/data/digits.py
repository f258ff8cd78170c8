"""The digits that come with scikit-learn: the default data set, as it needs no download."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from gsgm_mpi.data.catalog import FACTS, Facts
from gsgm_mpi.data.source import Part, Source

_TEST_EVERY = 5  # of each class, in file order, the last of every five samples is for the test


def source() -> Source:
    """The digits; scikit-learn itself is imported only when they are read."""
    return Source("digits", {"scikit-learn": version("scikit-learn")}, _read)


def _read() -> tuple[Facts, Part, Part]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    # Pixels are 0..16 (the ink in a 4x4 block); scaled, so that [0, 1] means the same in every set.
    x = np.rint(digits.images * (255 / 16)).astype(np.uint8)[:, np.newaxis]
    y = digits.target.astype(np.int64)
    test = np.zeros(len(y), bool)
    for label in range(10):
        test[np.flatnonzero(y == label)[_TEST_EVERY - 1 :: _TEST_EVERY]] = True
    return FACTS["digits"], Part(y[~test], [x[~test]]), Part(y[test], [x[test]])
