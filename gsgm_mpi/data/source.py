"""What every source of images hands to the converter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gsgm_mpi.data.catalog import Facts


class UnusableError(Exception):
    """The files of a data set are missing or damaged; the message names the file and the fault.

    Whoever chose the folder turns it into a ``UserError``, as only they know which option to name.
    """


@dataclass(frozen=True)
class Part:
    """The training or the test part.

    Attributes:
        labels: int64 (n,).
        chunks: uint8 arrays (m, C, H, W), n images in all; read once, in order, so that a large set
            is never in memory as a whole.
    """

    labels: np.ndarray
    chunks: Iterable[np.ndarray]


@dataclass(frozen=True)
class Source:
    """A data set that can be converted.

    Attributes:
        name: as in ``--dataset``.
        origin: what it is made from, as JSON can hold it: two sources with the same name and origin
            give the same bytes.
        read: gives the facts and the two parts; raises ``UserError`` or :class:`UnusableError`.
    """

    name: str
    origin: object
    read: Callable[[], tuple[Facts, Part, Part]]


def fingerprint(files: Iterable[Path], root: Path) -> list[tuple[str, int, int]]:
    """Name below ``root``, size and time of change of each file: cheap to get, hard to miss by.

    Raises:
        UnusableError: where a file is missing or may not be looked at.
    """
    try:
        stats = [(path.relative_to(root).as_posix(), path.stat()) for path in files]
    except OSError as error:
        raise UnusableError(f"{error.filename}: {error.strerror}") from error
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
