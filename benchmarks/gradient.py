"""Milliseconds of one gradient, beside a plain training step of torch, in one run.

    python benchmarks/gradient.py [--steps 30] [--batch-size 100]

One thread. The plain step is the published network (NCHW), a batch that
is a tensor already, ``zero_grad``, ``backward`` and no optimizer; ours includes the batch's pixels,
loading the weights, seeding dropout and the gradient as a new numpy array. The steps of all
variants alternate, so that a change in the machine's speed meets all of them; medians are shown.
Times of the plain step with our setting of malloc are ``plain*``: a setting of the whole process,
so plain steps without it are measured first.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gsgm_mpi.data.images import Images
from gsgm_mpi.problems.image import ImageProblem
from gsgm_mpi.problems.networks import NETWORKS


def random_images(name: str, n: int) -> Images:
    network = NETWORKS[name]
    rng = np.random.default_rng(0)
    shape = (n, network.channels, network.size, network.size)
    x = rng.integers(0, 256, shape, np.uint8)
    y = rng.integers(0, network.classes, n)
    half = (0.5,) * network.channels
    classes = tuple(map(str, range(network.classes)))
    return Images("random", x, y, x, y, classes, half, half)


def published(name: str) -> nn.Sequential:
    """The network as published: LeNet and ConvNet pool after, MnistNet before the activation."""
    network = NETWORKS[name]
    layers = network.layers(network.channels, network.classes)
    for place, layer in enumerate(list(layers)):
        if not isinstance(layer, nn.MaxPool2d):
            continue
        after = layers[place + 1]
        if name != "mnistnet" or isinstance(after, nn.Dropout2d):
            layers[place : place + 2] = after, layer
    return nn.Sequential(*layers)


def plain_step(name: str, images: Images, batch_size: int) -> Callable[[], None]:
    module = published(name)
    x = torch.from_numpy(images.train_x[:batch_size]).float().div_(255).sub_(0.5).div_(0.5)
    y = torch.from_numpy(images.train_y[:batch_size])

    def step() -> None:
        module.zero_grad()
        functional.cross_entropy(module(x), y).backward()

    return step


def our_step(name: str, images: Images, batch_size: int, **options: object) -> Callable[[], None]:
    shard = np.arange(len(images.train_y))
    problem = ImageProblem(images, [shard], name, batch_size=batch_size, seed=0, **options)
    w = problem.initial_weights()
    steps = iter(range(10**9))
    return lambda: problem.gradient(w, 1, next(steps))


def medians(variants: dict[str, Callable[[], None]], steps: int) -> dict[str, float]:
    """Median milliseconds of each variant; the first three rounds warm up."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(steps + 3):
        for name, step in variants.items():
            start = time.perf_counter()
            step()
            if turn >= 3:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=100)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    data = {name: random_images(name, 20 * options.batch_size) for name in NETWORKS}
    plain = {name: plain_step(name, data[name], options.batch_size) for name in NETWORKS}
    untouched = {name: medians({"plain": plain[name]}, options.steps) for name in NETWORKS}
    print("model      plain  plain*  contiguous  channels_last  channels_last/plain  /plain*")
    for name, images in data.items():
        variants = {"plain*": plain[name]}
        for memory_format in ("contiguous", "channels_last"):
            variants[memory_format] = our_step(name, images, options.batch_size, memory_format=memory_format)
        ms = untouched[name] | medians(variants, options.steps)
        ours = ms["channels_last"]
        print(
            f"{name:9} {ms['plain']:6.1f} {ms['plain*']:7.1f} {ms['contiguous']:11.1f} {ours:14.1f}"
            f" {ours / ms['plain']:20.2f} {ours / ms['plain*']:8.2f}"
        )


if __name__ == "__main__":
    main()
