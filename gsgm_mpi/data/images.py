"""A data set in memory (or mapped into it), and the held-out part of its training samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gsgm_mpi.errors import UserError, bad_option
from gsgm_mpi.streams import Purpose, stream


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their labels; the arrays may be read-only maps of files.

    Attributes:
        name: as in ``--dataset``.
        train_x: uint8 (n, C, H, W).
        train_y: int64 (n,), each in ``range(len(classes))``.
        test_x: uint8 (m, C, H, W).
        test_y: int64 (m,).
        classes: the classes' names.
        mean: per channel, of pixels in [0, 1].
        std: per channel, > 0.
    """

    name: str
    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return self.train_x.shape[1:]

    def tested_on(self, held_index: np.ndarray) -> Images:
        """The same, with the training samples ``held_index`` (int64) as the test part.

        Only these samples are copied: ``train_x`` stays the whole, mapped array, and who trains
        draws from the other half of :func:`hold_out`.
        """
        return replace(self, test_x=self.train_x[held_index], test_y=self.train_y[held_index])


def hold_out(labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts training samples into those to train on and those held out for ``--validation``.

    Every class gives ``fraction`` of its samples, rounded, but at least one and never all; a class
    of one sample gives none. It returns indices, as copying 31 ranks' training parts would undo
    the shared map: ``[train_index[part] for part in split(spec, labels[train_index], K, seed)]``.

    Args:
        labels: int64 (n,), of the training part.
        fraction: in (0, 1).
        seed: of the run.

    Returns:
        ``(train_index, held_index)``: int64, ascending, disjoint, together ``range(n)``.

    Raises:
        UserError: where ``fraction`` is out of range or no class has two samples.
    """
    if not 0 < fraction < 1:
        accepted = "a fraction above 0 and below 1"
        raise bad_option("--validation", fraction, accepted, "use for instance --validation 0.1")
    rng = stream(seed, Purpose.VALIDATION)
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        held[rng.permutation(members)[:count]] = True
    if not held.any():
        raise UserError(
            f"--validation {fraction} needs a class with at least two of the {len(labels)} training"
            " samples; leave --validation out or use a larger data set"
        )
    return np.flatnonzero(~held), np.flatnonzero(held)
