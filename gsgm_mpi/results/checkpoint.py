"""Checkpoints: one file each beside the results file, whole or not there at all; the last two are kept.

A file is a zip of npy arrays (``numpy.savez``): arrays and plain numbers, no pickle, each with a checksum that is
verified when it is read.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

#: Of what is in a checkpoint; a higher number with every change.
FORMAT = 2
_KEPT = 2
#: Under which the names of all others are kept.
_NAMES = "names"


def save(output: Path, update: int, state: Mapping[str, Any]) -> Path:
    """Writes the checkpoint of a run after so many updates, and removes all but the last two.

    Args:
        output: the results file.
        update: gradients used or dropped so far; names the file, so that a later one is newer.
        state: arrays and numbers by name; texts are stored as bytes.
    """
    path = output.with_name(f"{output.name}.checkpoint-{update:09d}.npz")
    beside = output.with_name(f".{path.name}.{os.getpid()}.part")
    arrays = {name: np.frombuffer(x.encode(), np.uint8) if isinstance(x, str) else x for name, x in state.items()}
    # The zip's checksums are of the contents, not of the names.
    arrays[_NAMES] = np.frombuffer(_joined(arrays), np.uint8)
    try:
        with beside.open("wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    for old in find(output)[_KEPT:]:
        old.unlink(missing_ok=True)
    return path


def _joined(names: Iterable[str]) -> bytes:
    return "\n".join(sorted(names)).encode()


def find(output: Path) -> list[Path]:
    """All checkpoints of a results file, the newest first."""
    pattern = re.compile(re.escape(output.name) + r"\.checkpoint-(\d{9,})\.npz")
    found = [(int(match[1]), path) for path in output.parent.iterdir() if (match := pattern.fullmatch(path.name))]
    return [path for _, path in sorted(found, reverse=True)]


def load_newest(output: Path, say: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest checkpoint that is whole; None: there is none. Of those that are not, ``say`` is told."""
    for path in find(output):
        try:
            return _load(path)
        except Exception as error:  # there is little that numpy and zipfile cannot raise of a damaged file
            say(f"{path.name} is damaged and left out: {' '.join(str(error).split())[:200]}")
    return None


def _load(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as members:
        # Each is read whole: only then its checksum is looked at, and numpy stops where it believes an array to end.
        contents = {name.removesuffix(".npy"): members.read(name) for name in members.namelist()}
    state = {name: np.load(io.BytesIO(data), allow_pickle=False) for name, data in contents.items()}
    if bytes(state.pop(_NAMES)) != _joined(state):
        raise ValueError("its names are not those it was written with")
    return state


def text(state: Mapping[str, Any], name: str) -> str:
    """A text of a checkpoint."""
    return bytes(state[name]).decode()


def remove_all(output: Path) -> None:
    """A run begins anew: what an earlier one left must not be taken for its own."""
    for path in find(output):
        path.unlink(missing_ok=True)
