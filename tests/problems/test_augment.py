from __future__ import annotations

import numpy as np

from gsgm_mpi.problems.augment import flip_and_crop


def test_each_image_is_one_of_its_shifts_flipped_or_not():
    images = np.random.default_rng(0).integers(1, 256, (40, 2, 16, 9), np.uint8)
    images.flags.writeable = False
    out = flip_and_crop(images, np.random.default_rng(1))
    assert out.shape == images.shape
    assert out.dtype == np.uint8
    seen = set()
    for image, result in zip(images, out, strict=True):
        padded = np.pad(image, ((0, 0), (2, 2), (1, 1)))
        found = [
            (top, left, step)
            for top in range(5)
            for left in range(3)
            for step in (1, -1)
            if np.array_equal(padded[:, top : top + 16, left : left + 9][..., ::step], result)
        ]
        assert len(found) == 1
        seen.update(found)
    assert len(seen) > 15
    np.testing.assert_array_equal(out, flip_and_crop(images, np.random.default_rng(1)))
