"""From stored pixels to a model's input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch


class Pixels:
    """Turns uint8 images into normalised float32 tensors, (pixel / 255 - mean) / std.

    This is done at every step, for 2 to 4 % of its time. Keeping a shard as floats would save half
    of that and cost 12 kB a colour image of 32 x 32 on every rank.

    Args:
        mean: per channel, of pixels in [0, 1].
        std: per channel, > 0.
        device: where the tensors go; they travel there as uint8.
        channels_last: whether they get that memory format.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
        channels_last: bool,
    ) -> None:
        self.device = device
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        # One multiplication and one addition a pixel.
        deviation = np.asarray(std, np.float64)
        scale = 1 / (255 * deviation)
        shift = -np.asarray(mean, np.float64) / deviation
        self._scale = torch.tensor(scale, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        self._shift = torch.tensor(shift, dtype=torch.float32, device=device).view(1, -1, 1, 1)

    def tensor(self, pixels: np.ndarray) -> torch.Tensor:
        """The input for ``pixels``, uint8 (n, C, H, W), a writable array: float32, same shape."""
        x = torch.from_numpy(pixels).to(self.device).float()
        return x.mul_(self._scale).add_(self._shift).contiguous(memory_format=self.format)

    def labels(self, labels: np.ndarray) -> torch.Tensor:
        """``labels``, int64 (n,), a writable array, on the device."""
        return torch.from_numpy(labels).to(self.device)
