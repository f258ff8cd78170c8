"""A model as a function of one flat vector of weights, so that a method sees numpy and no layers.

Loading weights is one copy: every parameter is a view of one buffer. Gradients are asked for with
``torch.autograd.grad`` and joined into a new array, one write; accumulating them in views of a
buffer would write three times (set to zero, add, copy out).
"""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gsgm_mpi.problems.heap import keep_freed_memory
from gsgm_mpi.problems.networks import RepeatChannel


class FlatModel:
    """A module whose trained parameters live in one vector, in the order of ``parameters()``.

    Tied parameters are in it once, frozen ones (``requires_grad`` False) not at all. The module is
    taken over: its parameters become views.

    Args:
        module: in the mode (training or not) that is wanted; float32.
        device: as torch names it.
        channels_last: whether inputs will come so; one thread of a CPU is then up to twice as fast.
    """

    def __init__(self, module: nn.Module, device: str | torch.device = "cpu", channels_last: bool = False) -> None:
        self.module = module.to(device)
        self.channels_last = channels_last
        for layer in module.modules():
            if isinstance(layer, RepeatChannel):
                layer.channels_last = channels_last
        self._parameters = [p for p in module.parameters() if p.requires_grad]
        self.d = sum(p.numel() for p in self._parameters)
        self._flat = torch.empty(self.d, device=device)
        if self._flat.is_cuda:
            self._host = torch.empty(self.d, pin_memory=True)
        else:
            self._host = self._flat
            keep_freed_memory()
        self._host_array = self._host.numpy()
        start = 0
        with torch.no_grad():
            for parameter in self._parameters:
                view = self._view(start, parameter.shape)
                view.copy_(parameter)
                parameter.data = view
                start += parameter.numel()
        self._initial = self._flat.cpu().numpy().copy()
        self._first_buffers = {name: b.clone() for name, b in self.module.named_buffers()}

    def _view(self, start: int, shape: torch.Size) -> torch.Tensor:
        if self.channels_last and len(shape) == 4 and shape[1] == 1:
            # With one channel both formats are the same memory, and torch chooses by the strides:
            # these make it choose channels last for all that follows (MnistNet: 11 to 7.5 ms).
            _, _, height, width = shape
            return self._flat.as_strided(shape, (height * width, 1, width, 1), start)
        return self._flat[start : start + math.prod(shape)].view(shape)

    def initial(self) -> np.ndarray:
        """The weights that the module came with: float32 (d,), a copy."""
        return self._initial.copy()

    def load(self, w: np.ndarray) -> None:
        """Sets the weights: (d,), which is only read.

        Raises:
            ValueError: for any other shape.
        """
        if w.shape != (self.d,):
            raise ValueError(f"the model has {self.d} weights, not an array of shape {w.shape}")
        # By numpy, as torch warns of arrays that are not writable.
        np.copyto(self._host_array, w, casting="same_kind")
        if self._host is not self._flat:
            self._flat.copy_(self._host)

    def reset_buffers(self) -> None:
        """Puts the module's buffers (running statistics and the like) back to their first values.

        What a module remembers from call to call must not reach a result, which is a function of
        weights and batch.
        """
        self._set_buffers(self.module)

    def _set_buffers(self, module: nn.Module) -> None:
        if self._first_buffers:
            with torch.no_grad():
                # By name, as a module may put a new tensor in a buffer's place.
                for name, buffer in module.named_buffers():
                    buffer.copy_(self._first_buffers[name])

    def copied(self) -> FlatModel:
        """Another, independent one; it may be made while this one works in another thread."""
        module = copy.deepcopy(self.module)
        self._set_buffers(module)
        return FlatModel(module, self._flat.device, self.channels_last)

    def loss_and_gradient(self, w: np.ndarray, x: torch.Tensor, y: torch.Tensor) -> tuple[float, np.ndarray]:
        """The mean cross-entropy of a batch, in nats, and its gradient.

        Args:
            w: float32 (d,); only read.
            x: float32 (n, C, H, W), on the device.
            y: int64 (n,), on the device.

        Returns:
            The loss and the gradient, float32 (d,), a new array that is the caller's.
        """
        self.load(w)
        self.reset_buffers()
        loss = functional.cross_entropy(self.module(x), y)
        parts = torch.autograd.grad(loss, self._parameters, materialize_grads=True)
        gradient = torch.cat([part.reshape(-1) for part in parts])
        return loss.item(), gradient.cpu().numpy()

    def logits(self, w: np.ndarray, x: torch.Tensor) -> torch.Tensor:
        """What the module returns for ``x``: float32 (n, classes), on the device."""
        self.load(w)
        with torch.no_grad():
            return self.module(x)
