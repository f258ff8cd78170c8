"""Generated data sets of any size: for tests, benchmarks and nodes without data.

Class c has a prototype image p_c, blocks of grey levels drawn from N(128, 32²); a sample of the
class is p_c + N(0, 48²) on each pixel, rounded and clipped to 0..255. So a linear model can learn
it, and no sample tells a class for certain unless the images are large.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gsgm_mpi.data.catalog import DataSpec, Facts
from gsgm_mpi.data.source import Part, Source
from gsgm_mpi.streams import Purpose, stream

_VERSION = 1  # of the generator: raise it whenever the same seed would give other images
_CHUNK_PIXELS = 2**22  # part of the generator too: every chunk has its own stream

# The streams' k: what is drawn.
_PROTOTYPES, _TRAIN, _TEST = 0, 1, 2


def source(spec: DataSpec, seed: int) -> Source:
    """The data set of a parsed ``synthetic:CxHxW:classes:n``, generated from the seed when read."""
    facts = spec.facts
    assert facts is not None

    def read() -> tuple[Facts, Part, Part]:
        prototypes = _prototypes(facts, seed)
        num_test = max(len(facts.classes), spec.samples // 5)
        train = _part(prototypes, spec.samples, seed, _TRAIN)
        return facts, train, _part(prototypes, num_test, seed, _TEST)

    return Source(spec.name, {"generator": _VERSION, "seed": seed}, read)


def _prototypes(facts: Facts, seed: int) -> np.ndarray:
    """float32 (classes, C, H, W)."""
    channels, height, width = facts.shape
    # Blocks of about an eighth of the image: pooling and small filters keep such a pattern.
    side = max(1, min(height, width) // 8)
    rows, columns = -(-height // side), -(-width // side)
    rng = stream(seed, Purpose.SYNTHETIC, _PROTOTYPES)
    coarse = rng.standard_normal((len(facts.classes), channels, rows, columns), np.float32)
    blocks = coarse.repeat(side, axis=2).repeat(side, axis=3)
    return 128 + 32 * blocks[:, :, :height, :width]


def _part(prototypes: np.ndarray, n: int, seed: int, which: int) -> Part:
    # As many of each class as n allows, then shuffled: no class can be missing.
    labels = np.arange(n, dtype=np.int64) % len(prototypes)
    stream(seed, Purpose.SYNTHETIC, which).shuffle(labels)
    return Part(labels, _chunks(prototypes, labels, seed, which))


def _chunks(prototypes: np.ndarray, labels: np.ndarray, seed: int, which: int) -> Iterator[np.ndarray]:
    size = max(1, _CHUNK_PIXELS // prototypes[0].size)
    for number, start in enumerate(range(0, len(labels), size), start=1):
        x = prototypes[labels[start : start + size]]
        x += 48 * stream(seed, Purpose.SYNTHETIC, which, number).standard_normal(x.shape, np.float32)
        yield np.rint(x).clip(0, 255).astype(np.uint8)
