"""Scores of weights on the test part, computed beside the gradients and without disturbing them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from gsgm_mpi.problems.flat import FlatModel
from gsgm_mpi.problems.modes import batch_norms, recompute_statistics
from gsgm_mpi.problems.pixels import Pixels
from gsgm_mpi.problems.scores import Scores
from gsgm_mpi.streams import Purpose, stream

# Part of a run's identity, as sums in float32 depend on them.
_BATCH = 500
_STATISTICS_BATCH = 256
_STATISTICS_SAMPLES = 2048


class Evaluation:
    """Scores weights in fixed batches, with dropout and augmentation off.

    It works on a copy of the model, made at the first call, as most ranks never evaluate. It may
    run in another thread than the gradients, and takes one call at a time.

    Args:
        model: the model that gradients are computed with.
        pixels: makes its inputs.
        test: uint8 (m, C, H, W) and int64 (m,), at least one sample; only read.
        train_x: uint8 (n, C, H, W); only read.
        index: int64, the training samples that running statistics may be computed from.
        classes: how many there are.
        seed: of the run.
    """

    def __init__(
        self,
        model: FlatModel,
        pixels: Pixels,
        test: tuple[np.ndarray, np.ndarray],
        *,
        train_x: np.ndarray,
        index: np.ndarray,
        classes: int,
        seed: int,
    ) -> None:
        self._original = model
        self._copy: FlatModel | None = None
        self._lock = threading.Lock()
        self._pixels = pixels
        self._test_x, self._test_y = test
        self._train_x = train_x
        self._index = index
        self._classes = classes
        self._seed = seed

    def scores(self, w: np.ndarray) -> Scores:
        """Scores w, float32 (d,); NaN in it gives a loss of NaN.

        The running statistics of batch normalisation are first recomputed for w from a fixed sample
        of the training data.
        """
        with self._lock:
            if self._copy is None:
                self._copy = self._original.copied()
            self._copy.load(w)
            self._copy.reset_buffers()
            module = self._copy.module.eval()
            if any(layer.track_running_stats for layer in batch_norms(module)):
                recompute_statistics(module, self._statistics_batches())
            return self._scores_of(module)

    def _scores_of(self, module: nn.Module) -> Scores:
        count = np.bincount(self._test_y, minlength=self._classes)
        hits = np.zeros(self._classes, np.int64)
        loss = 0.0
        for start in range(0, len(self._test_y), _BATCH):
            part = slice(start, start + _BATCH)
            labels = self._test_y[part].copy()
            with torch.no_grad():
                logits = module(self._pixels.tensor(self._test_x[part].copy())).double()
                y = self._pixels.labels(labels)
                loss += cross_entropy(logits, y, reduction="sum").item()
            right = logits.argmax(1).cpu().numpy() == labels
            hits += np.bincount(labels[right], minlength=self._classes)
        nowhere = np.full(self._classes, np.nan)
        return Scores(
            accuracy=float(hits.sum() / count.sum()),
            loss=loss / len(self._test_y),
            class_accuracy=np.divide(hits, count, out=nowhere, where=count > 0),
        )

    def _statistics_batches(self) -> Iterator[torch.Tensor]:
        size = min(_STATISTICS_BATCH, len(self._index))
        count = min(_STATISTICS_SAMPLES, len(self._index)) // size
        rng = stream(self._seed, Purpose.STATISTICS)
        for batch in rng.choice(self._index, (count, size), replace=False):
            yield self._pixels.tensor(self._train_x[batch])
