"""The built-in networks, and how images of another size, depth or class count are made to fit.

MnistNet is pytorch/examples' ``mnist/main.py`` up to 2018, LeNet the layout of PyTorch's CIFAR-10
tutorial, ConvNet a three-block network for CIFAR-10 with its last layer widened to 100 classes.

In all of them max-pooling comes before the activation, where their sources have it after: ReLU and
ELU are monotone, so max(f(x)) = f(max(x)), and f then works on a quarter of the elements. MnistNet
also drops whole channels after pooling: a channel's factor is 0 or 2, which the maximum passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional


class Resize(nn.Module):
    """Resizes images bilinearly, smoothed where they shrink; it has no parameters."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.size = (height, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(x, self.size, mode="bilinear", antialias=True)


class RepeatChannel(nn.Module):
    """Shows one grey channel as several equal ones; it has no parameters.

    Attributes:
        channels_last: whether to write them out in that memory format, which one channel alone
            cannot tell the layers that follow (ConvNet on grey images: 42 to 27 ms).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.channels_last = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.expand(-1, self.channels, -1, -1)
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x


def mlp(shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """One hidden layer of 64; it takes any image as it is."""
    channels, height, width = shape
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(channels * height * width, 64),
        nn.ReLU(),
        nn.Linear(64, classes),
    )


def _mnistnet(channels: int, classes: int) -> list[nn.Module]:
    return [
        *(nn.Conv2d(channels, 10, 5), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.Dropout2d(0.5), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(320, 50), nn.ReLU(), nn.Dropout(0.5)),
        nn.Linear(50, classes),
    ]


def _lenet(channels: int, classes: int) -> list[nn.Module]:
    return [
        *(nn.Conv2d(channels, 6, 5), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU()),
        *(nn.Linear(120, 84), nn.ReLU()),
        nn.Linear(84, classes),
    ]


def _convnet(channels: int, classes: int) -> list[nn.Module]:
    return [
        *(nn.Conv2d(channels, 16, 3, padding=1), nn.MaxPool2d(2), nn.ELU()),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.MaxPool2d(2), nn.ELU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.MaxPool2d(2), nn.ELU()),
        *(nn.Flatten(), nn.Dropout(0.25), nn.Linear(1024, 500), nn.ELU(), nn.Dropout(0.25)),
        nn.Linear(500, classes),
    ]


class Network(NamedTuple):
    """A convolutional network and the data it was made for; ``size`` is its height and width."""

    layers: Callable[[int, int], list[nn.Module]]
    channels: int
    size: int
    classes: int
    parameters: int


NETWORKS = {
    "mnistnet": Network(_mnistnet, channels=1, size=28, classes=10, parameters=21_840),
    "lenet": Network(_lenet, channels=3, size=32, classes=10, parameters=62_006),
    "convnet": Network(_convnet, channels=3, size=32, classes=100, parameters=586_184),
}


def fitted(name: str, shape: tuple[int, int, int], classes: int) -> tuple[nn.Sequential, tuple[str, ...]]:
    """One of ``NETWORKS``, made to fit the data where they are not its own.

    Images of another size are resized to the network's, so that every layer stays as published. A
    grey image is repeated on the channels of a colour network; otherwise the first convolution
    takes the channels there are. The last layer has the classes of the data.

    Args:
        name: a key of ``NETWORKS``.
        shape: (C, H, W) of the images.
        classes: how many there are.

    Returns:
        The network and a note, one sentence, on each thing that was changed.
    """
    network = NETWORKS[name]
    channels, height, width = shape
    fit: list[nn.Module] = []
    notes = []
    if (height, width) != (network.size, network.size):
        fit.append(Resize(network.size, network.size))
        notes.append(
            f"{name}: images of {height}x{width} are resized bilinearly to {network.size}x"
            f"{network.size} (factors {network.size / height:.3g} and {network.size / width:.3g})"
        )
    first = channels
    if channels == 1 < network.channels:
        fit.append(RepeatChannel(network.channels))
        first = network.channels
        notes.append(f"{name}: the one grey channel is repeated on its {first} channels")
    elif channels != network.channels:
        notes.append(f"{name}: the first convolution takes {channels} channels, not {network.channels}")
    if classes != network.classes:
        notes.append(f"{name}: the last layer has {classes} classes, not {network.classes}")
    module = nn.Sequential(*fit, *network.layers(first, classes))
    count = sum(p.numel() for p in module.parameters())
    if count != network.parameters:
        notes.append(f"{name}: {count:,} parameters, not the usual {network.parameters:,}")
    return module, tuple(notes)
