"""MNIST and Fashion-MNIST from the files that torchvision uses, checked and never written to.

torchvision takes any file of the right name for good, and unpacks archives where they lie; so the
four idx files are read here. Layout: ``ROOT/MNIST/raw/train-images-idx3-ubyte`` or the same with
``.gz``. The idx format: big-endian 32-bit numbers (0x0800 + the number of dimensions, then each
dimension), then the bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from gsgm_mpi.data.catalog import FACTS, Facts
from gsgm_mpi.data.source import Part, Source, UnusableError, fingerprint
from gsgm_mpi.data.torchvision_import import import_torchvision

#: torchvision's class, which also names the folder.
TORCHVISION_CLASS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}

#: Samples by the first word of the files' names.
COUNTS = {"train": 60_000, "t10k": 10_000}

#: MD5 of MNIST's files when unpacked (torchvision knows only those of the archives). For
#: Fashion-MNIST's there is no such list: their structure is checked.
RAW_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def source(name: str, root: Path) -> Source:
    """The files of ``name`` (a key of :data:`TORCHVISION_CLASS`) below ``root``.

    Raises:
        UnusableError: where a file is missing.
    """
    folder = root / TORCHVISION_CLASS[name] / "raw"
    files = {stem: _find(folder, stem) for stem in RAW_MD5}
    origin = [str(folder.resolve()), fingerprint(files.values(), folder)]

    def read() -> tuple[Facts, Part, Part]:
        facts = FACTS[name]
        parts = []
        for which, n in COUNTS.items():
            images = f"{which}-images-idx3-ubyte"
            labels = f"{which}-labels-idx1-ubyte"
            x = _read(name, images, files[images], (n, *facts.shape[1:]))[:, np.newaxis]
            y = _read(name, labels, files[labels], (n,)).astype(np.int64)
            if y.max() >= len(facts.classes):
                raise UnusableError(f"{files[labels]} is damaged: it has the label {y.max()}")
            parts.append(Part(y, [x]))
        return facts, parts[0], parts[1]

    return Source(name, origin, read)


def _find(folder: Path, stem: str) -> Path:
    for path in (folder / stem, folder / f"{stem}.gz"):
        if path.is_file():
            return path
    raise UnusableError(f"{folder / stem} is missing (and so is {stem}.gz)")


def _read(name: str, stem: str, path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """One file's numbers: uint8, read-only, of the shape that it must have."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UnusableError(f"{path}: {error.strerror}") from error
    if path.suffix == ".gz":
        raw = _unpack(name, path, raw)
    header = np.array([0x0800 + len(shape), *shape], ">u4").tobytes()
    if raw[:4] != header[:4]:
        raise UnusableError(f"{path} is damaged: it does not start as an idx file should")
    if raw[: len(header)] != header:
        found = tuple(np.frombuffer(raw[4 : len(header)].ljust(len(header) - 4, b"\0"), ">u4"))
        raise UnusableError(f"{path} holds an array of {'x'.join(map(str, found))}, not {'x'.join(map(str, shape))}")
    expected = len(header) + int(np.prod(shape))
    if len(raw) != expected:
        raise UnusableError(f"{path} is damaged: it has {len(raw)} bytes, not {expected}")
    if name == "mnist" and _md5(raw) != RAW_MD5[stem]:
        raise UnusableError(f"{path} is damaged: its MD5 is not {RAW_MD5[stem]}")
    return np.frombuffer(raw, np.uint8, offset=len(header)).reshape(shape)


def _unpack(name: str, path: Path, packed: bytes) -> bytes:
    known = getattr(import_torchvision().datasets, TORCHVISION_CLASS[name]).resources
    expected = dict(known)[path.name]
    if _md5(packed) != expected:
        raise UnusableError(f"{path} is damaged: its MD5 is not {expected}")
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise UnusableError(f"{path} is damaged: {error}") from error


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
