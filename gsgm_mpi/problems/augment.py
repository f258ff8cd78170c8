"""The usual augmentation of small images: a horizontal flip and a shifted crop, both at random."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def flip_and_crop(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Flips each image with probability 1/2 and shifts it by up to an eighth of its size.

    The border that a shift uncovers is 0, as in torchvision's ``RandomCrop(H, padding=H // 8)``:
    4 pixels for images of 32 x 32.

    Args:
        pixels: uint8 (n, C, H, W); not written to.
        rng: gives the flips, then the shifts.

    Returns:
        A new array of the same shape and type.
    """
    n, _, height, width = pixels.shape
    flipped = rng.random(n) < 0.5
    tall, wide = height // 8, width // 8
    top = rng.integers(0, 2 * tall + 1, n)
    left = rng.integers(0, 2 * wide + 1, n)
    padded = np.pad(pixels, ((0, 0), (0, 0), (tall, tall), (wide, wide)))
    # All windows of an image's own size, (n, C, 2 tall + 1, 2 wide + 1, H, W), without a copy.
    windows = sliding_window_view(padded, (height, width), axis=(2, 3))
    cropped = windows[np.arange(n), :, top, left]
    cropped[flipped] = cropped[flipped][..., ::-1]
    return cropped
