"""The problem that is trained: a model, its data, and gradients that are functions of (w, k, i)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from torch import nn

from gsgm_mpi.data import Images
from gsgm_mpi.errors import UserError, bad_option
from gsgm_mpi.problems.augment import flip_and_crop
from gsgm_mpi.problems.batches import Shard
from gsgm_mpi.problems.devices import find_device, generators
from gsgm_mpi.problems.evaluation import Evaluation
from gsgm_mpi.problems.flat import FlatModel
from gsgm_mpi.problems.models import build, seeded
from gsgm_mpi.problems.modes import batch_norms, train_without_chance
from gsgm_mpi.problems.pixels import Pixels
from gsgm_mpi.problems.scores import Scores
from gsgm_mpi.streams import Purpose, stream, torch_seed

# Part of a run's identity, as sums in float32 depend on it.
_FULL_GRADIENT_BATCH = 256

MEMORY_FORMATS = ("auto", "channels_last", "contiguous")


class ImageProblem:
    """Image classification by cross-entropy; learner k has the samples ``shards[k - 1]``.

    Gradients are pure: batch, dropout masks and augmentation of learner k's step i depend on
    (seed, k, i) and nothing else, and neither do a module's buffers. ``evaluate`` may run in
    another thread meanwhile.

    Args:
        images: the data set; its arrays are only read.
        shards: for each learner, int64 (n_k,) into the training part, not empty.
        model: as for :func:`gsgm_mpi.problems.models.build`.
        batch_size: samples in a batch, at least 1.
        seed: of the run.
        variance_reduced: turns dropout and augmentation off, as SVRG needs a finite sum.
        weight_decay: adds ``weight_decay * w`` to gradients, not to losses.
        augment: flips and shifts training images at random.
        share: for each learner, what its gradients are multiplied with (K n_k / n); none: 1.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        memory_format: ``channels_last``, ``contiguous``, or ``auto``: the first for a model with
            convolutions on a CPU.

    Attributes:
        d: the number of weights.
        notes: sentences for the user on how the model was made to fit the data.
        memory_format: the one in use, never ``auto``.

    Raises:
        UserError: for a model that does not fit the data, a device that is not there, a memory
            format of another name, and a last batch too short for batch normalisation.
        ValueError: for a shard without samples.
    """

    def __init__(
        self,
        images: Images,
        shards: Sequence[np.ndarray],
        model: str,
        *,
        batch_size: int,
        seed: int,
        variance_reduced: bool = False,
        weight_decay: float = 0.0,
        augment: bool = False,
        share: Sequence[float] | None = None,
        device: str = "cpu",
        memory_format: str = "auto",
    ) -> None:
        if memory_format not in MEMORY_FORMATS:
            raise bad_option("--memory-format", repr(memory_format), " or ".join(MEMORY_FORMATS))
        place = find_device(device)
        module, self.notes = build(model, images.train_x.shape[1:], len(images.classes), seed)
        if memory_format == "auto":
            convolves = any(isinstance(layer, nn.Conv2d) for layer in module.modules())
            last = convolves and place.type == "cpu"
            memory_format = "channels_last" if last else "contiguous"
        self.memory_format = memory_format
        self._flat = FlatModel(module, place, memory_format == "channels_last")
        self._pixels = Pixels(images.mean, images.std, place, memory_format == "channels_last")
        self._generators = generators(place)
        self.d = self._flat.d
        self._seed = seed
        # Without np.memmap's own type, whose pieces carry the map's attributes with them.
        self._train_x, self._train_y = np.asarray(images.train_x), np.asarray(images.train_y)
        self._test = np.asarray(images.test_x), np.asarray(images.test_y)
        self._shards = [Shard(s, batch_size, k, seed) for k, s in enumerate(shards, start=1)]
        self._share = [1.0] * len(shards) if share is None else [float(s) for s in share]
        self._weight_decay = weight_decay
        self._by_chance = not variance_reduced
        self._augment = augment and not variance_reduced
        self._evaluation = Evaluation(
            self._flat,
            self._pixels,
            self._test,
            train_x=self._train_x,
            index=np.concatenate([shard.index for shard in self._shards]),
            classes=len(images.classes),
            seed=seed,
        )
        self._set_mode()
        if batch_norms(module):
            self._check_short_batches(model, batch_size)

    def initial_weights(self) -> np.ndarray:
        """The model's first weights: float32 (d,), a copy."""
        return self._flat.initial()

    def batches(self, k: int) -> int:
        """Batches in one pass over learner k's samples."""
        return self._shard(k).batches()

    @cached_property
    def data_hash(self) -> str:
        """16 hex digits that tell data sets apart: of all pixels and labels."""
        digest = hashlib.sha256()
        for array in (self._train_x, self._train_y, *self._test):
            digest.update(np.ascontiguousarray(array).view(np.uint8))
        return digest.hexdigest()[:16]

    def samples(self, k: int) -> int:
        """Learner k's samples, n_k."""
        return len(self._shard(k).index)

    def gradient(self, w: np.ndarray, k: int, i: int) -> tuple[np.ndarray, float]:
        """The gradient of learner k's step i at w.

        Args:
            w: float32 (d,); only read.
            k: the learner, from 1.
            i: its step, from 0.

        Returns:
            The gradient, float32 (d,), with weight decay and times the learner's share: a new
            array that is the caller's. And the batch's mean cross-entropy in nats, without either.
        """
        batch = self._shard(k).batch(i)
        pixels = self._train_x[batch]
        if self._augment:
            pixels = flip_and_crop(pixels, stream(self._seed, Purpose.AUGMENT, k, i))
        x, y = self._pixels.tensor(pixels), self._pixels.labels(self._train_y[batch])
        with seeded(self._generators, torch_seed(self._seed, Purpose.DROPOUT, k, i)):
            loss, g = self._flat.loss_and_gradient(w, x, y)
        if self._weight_decay:
            g += np.float32(self._weight_decay) * w
        if self._share[k - 1] != 1:
            g *= np.float32(self._share[k - 1])
        return g, loss

    def full_gradient(self, w: np.ndarray, k: int) -> np.ndarray:
        """The gradient of learner k's mean loss over all its samples at w, without any chance.

        Samples are taken in the shard's order, in chunks of about 256 that do not depend on the
        batch size. With batch normalisation a sample's loss depends on its chunk.

        Args:
            w: float32 (d,); only read.
            k: the learner, from 1.

        Returns:
            float64 (d,), summed in float64 chunk by chunk; with weight decay and times the
            learner's share, as :meth:`gradient`.
        """
        index = self._shard(k).index
        total = np.zeros(self.d)
        train_without_chance(self._flat.module)
        try:
            # Chunks of even size: a last one of a single sample has no batch statistics.
            for chunk in np.array_split(index, -(-len(index) // _FULL_GRADIENT_BATCH)):
                x = self._pixels.tensor(self._train_x[chunk])
                y = self._pixels.labels(self._train_y[chunk])
                total += self._flat.loss_and_gradient(w, x, y)[1] * (len(chunk) / len(index))
        finally:
            self._set_mode()
        total += self._weight_decay * w.astype(np.float64)
        total *= self._share[k - 1]
        return total

    def evaluate(self, w: np.ndarray) -> Scores:
        """Scores w, float32 (d,), on the test part; see ``gsgm_mpi.problems.evaluation``.

        It may run in another thread than the gradients. NaN in w gives a loss of NaN.
        """
        return self._evaluation.scores(w)

    def _set_mode(self) -> None:
        if self._by_chance:
            self._flat.module.train()
        else:
            train_without_chance(self._flat.module)

    def _check_short_batches(self, model: str, batch_size: int) -> None:
        for k, shard in enumerate(self._shards, start=1):
            if shard.smallest() > 1:
                continue
            try:
                self.gradient(self.initial_weights(), k, shard.batches() - 1)
            except ValueError as error:
                raise UserError(
                    f"--batch-size {batch_size} leaves learner {k} a batch of one sample in each"
                    f" pass over its {self.samples(k)}, and --model {model} normalises by a batch's"
                    f" own statistics ({error}); use another --batch-size"
                ) from error
            return

    def _shard(self, k: int) -> Shard:
        if not 1 <= k <= len(self._shards):
            raise ValueError(f"there is no learner {k}, only 1 to {len(self._shards)}")
        return self._shards[k - 1]
