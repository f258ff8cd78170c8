"""The converted copy of a data set: a folder of four .npy files and facts.json.

Ranks map the files (``np.load(mmap_mode="r")``), so a node holds one copy in its page cache however
many ranks it has.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gsgm_mpi.data.catalog import Facts
from gsgm_mpi.data.images import Images
from gsgm_mpi.data.source import Part, Source
from gsgm_mpi.errors import UserError

_FORMAT = 1  # of the folder; a change makes every copy anew
_ARRAYS = ("train_x", "train_y", "test_x", "test_y")


def folder_name(source: Source) -> str:
    """The data set's name and 12 hex digits of what it is made from."""
    made_from = json.dumps([_FORMAT, source.name, source.origin])
    digest = hashlib.sha256(made_from.encode()).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", source.name).strip("-")[-60:]
    return f"{readable}-{digest}"


def write(folder: Path, facts: Facts, train: Part, test: Part) -> None:
    """Writes what a source's ``read`` gave into a new folder.

    Raises:
        OSError: where the folder cannot be written.
        UserError, UnusableError: where the parts' images turn out to be bad.
    """
    folder.mkdir()
    measured = _Moments()
    sizes: dict[str, int] = {}
    for which, part, chunks in (
        ("train", train, measured.watch(train.chunks)),
        ("test", test, test.chunks),
    ):
        x, y = folder / f"{which}_x.npy", folder / f"{which}_y.npy"
        _write_array(x, np.uint8, (len(part.labels), *facts.shape), chunks)
        _write_array(y, np.int64, part.labels.shape, [part.labels])
        sizes |= {path.name: path.stat().st_size for path in (x, y)}
    described = {
        "format": _FORMAT,
        "name": facts.name,
        "classes": facts.classes,
        "mean": facts.mean or measured.mean(),
        "std": facts.std or measured.std(),
        "bytes": sizes,
    }
    # Last: a folder without it is not a copy.
    (folder / "facts.json").write_text(json.dumps(described))


def _write_array(path: Path, dtype: type[np.generic], shape: tuple[int, ...], chunks: Iterable[np.ndarray]) -> None:
    # Written in order, not through a map: on a full disk a map kills the process (SIGBUS), a write
    # raises an error that can be reported.
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
        "fortran_order": False,
        "shape": shape,
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in chunks:
            file.write(np.ascontiguousarray(chunk, dtype).data)


@dataclass
class _Moments:
    """Mean and deviation of each channel, of the chunks that pass by."""

    pixels: int = 0
    total: np.ndarray | int = 0
    squares: np.ndarray | int = 0

    def watch(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chunk in chunks:
            self.pixels += chunk[:, 0].size
            # Counts of each grey level are exact and much quicker than squares in float64.
            levels = np.arange(256)
            counts = np.stack([np.bincount(chunk[:, c].ravel(), minlength=256) for c in range(chunk.shape[1])])
            self.total += counts @ levels
            self.squares += counts @ levels**2
            yield chunk

    def mean(self) -> list[float]:
        return (np.asarray(self.total) / (255 * self.pixels)).tolist()

    def std(self) -> list[float]:
        mean = np.asarray(self.total) / self.pixels
        std = np.sqrt(np.maximum(np.asarray(self.squares) / self.pixels - mean**2, 0)) / 255
        # A channel of one value: 1 keeps the division by the deviation harmless.
        return np.where(std > 0, std, 1.0).tolist()


def is_intact(folder: Path) -> bool:
    """Whether every file is there and has the size that it was written with."""
    try:
        described = json.loads((folder / "facts.json").read_text())
        sizes = described["bytes"]
        return described["format"] == _FORMAT and all(
            (folder / f"{name}.npy").stat().st_size == sizes[f"{name}.npy"] for name in _ARRAYS
        )
    except (OSError, ValueError, TypeError, KeyError):
        return False


def load(path: Path, *, mmap: bool = True) -> Images:
    """Opens a converted copy.

    Args:
        path: what ``prepare`` returned.
        mmap: map the files, read-only, instead of reading them into memory.

    Raises:
        UserError: where there is no intact copy at ``path``, for instance on a node that does not
            share the cache's folder.
    """
    if not is_intact(path):
        raise UserError(
            f"--cache-dir {path.parent}: this host sees no intact data set in {path}; name a folder"
            " that all nodes share, or run `python -m gsgm_mpi.data fetch NAME` on every node"
        )
    described = json.loads((path / "facts.json").read_text())
    arrays = {
        name: np.load(path / f"{name}.npy", mmap_mode="r" if mmap else None, allow_pickle=False) for name in _ARRAYS
    }
    return Images(
        name=described["name"],
        classes=tuple(described["classes"]),
        mean=tuple(described["mean"]),
        std=tuple(described["std"]),
        **arrays,
    )
