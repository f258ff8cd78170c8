"""Reads the results file of a run, or says in one sentence why it cannot be read.

A run replaces its results file whole at every evaluation, so a reader opens it afresh, takes what
it needs and closes it again; it never holds a file open that the run is about to replace.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

# On a network file system a path can be gone for a moment while another node replaces the file.
_ATTEMPTS = 3
_PAUSE_S = 0.05

# A data set of each group that says how many rows there are.
_OF_EACH_ROW = {"epochs": "epoch", "updates": "learner", "learners": "learner", "trace": "event"}

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class UnreadableFileError(Exception):
    """A results file that cannot be used.

    Attributes:
        path: the file, as the user named it.
        reason: what is wrong with it, without the path.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class Results:
    """What one results file held at the moment of reading.

    Attributes:
        path: the file, as the user named it.
        provenance: the attributes of ``/provenance``, ``config`` included as the text it is.
        config: the run's options, parsed from ``provenance["config"]``.
        groups: every group that was asked for, as arrays by data set name.
    """

    path: Path
    provenance: Mapping[str, object]
    config: Mapping[str, object]
    groups: Mapping[str, Mapping[str, np.ndarray]]

    @property
    def status(self) -> str:
        """``running``, ``finished``, ``stopped``, ``diverged`` or ``failed``."""
        return str(self.provenance.get("status", "unknown"))

    @property
    def label(self) -> str | None:
        """The method with what it was combined with, e.g. ``ssp-1+local-momentum``; None where unknown."""
        method, gate, staleness = (self.option(name) for name in ("method", "gate", "staleness"))
        if method is None:
            return None
        own = "" if gate is None else f"+{gate}"
        bound = "" if staleness is None else f"-{staleness}"
        return f"{method}{own}{bound}" + ("+local-momentum" if self.option("local_momentum") else "")

    def column(self, group: str, name: str) -> np.ndarray:
        """Returns one data set of a group that was read.

        Raises:
            UnreadableFileError: if the file has no such data set.
        """
        try:
            return self.groups[group][name]
        except KeyError:
            raise UnreadableFileError(self.path, f"has no data set /{group}/{name}") from None

    def numbers(self, group: str, name: str, *, whole: bool = False) -> np.ndarray:
        """Returns a data set of one number a row, as int64 or float64.

        Args:
            group: a group that was read.
            name: the data set.
            whole: only whole numbers make sense.

        Raises:
            UnreadableFileError: if the file has no such data set, or it holds something else.
        """
        first = _OF_EACH_ROW[group]
        rows = np.asarray(self.column(group, first)).shape
        if len(rows) != 1:
            raise UnreadableFileError(self.path, f"/{group}/{first} is not one number a row")
        values = np.asarray(self.column(group, name))
        if values.shape != rows or values.dtype.kind not in ("iu" if whole else "iuf"):
            raise UnreadableFileError(self.path, f"/{group}/{name} is not one number a row")
        return values.astype(np.float64 if values.dtype.kind == "f" else np.int64)

    def option(self, name: str) -> object:
        """Returns one option of the run, or None where the file does not know it."""
        value = self.config.get(name)
        return self.provenance.get(name) if value is None else value


def read(path: str | Path, groups: Sequence[str] = ("epochs",), last: Mapping[str, int] | None = None) -> Results:
    """Reads the provenance and some groups of a results file.

    Args:
        path: the results file.
        groups: names of the groups to read whole, e.g. ``("epochs", "learners")``.
        last: of these groups only so many rows at the end are read, e.g. ``{"updates": 1000}``.

    Returns:
        The file's contents; groups of a run that has just begun have no rows.

    Raises:
        UnreadableFileError: if the file is missing, damaged, locked or not a results file.
    """
    path = Path(path)
    for attempt in range(_ATTEMPTS):
        try:
            return _read_once(path, groups, last or {})
        # h5py raises OSError for most troubles, the others for some damaged structures.
        except (OSError, RuntimeError, KeyError) as error:
            if attempt == _ATTEMPTS - 1:
                raise UnreadableFileError(path, _reason(path, error)) from error
            time.sleep(_PAUSE_S)
    raise AssertionError("the last attempt returns or raises")


def expand(paths: Sequence[str | Path]) -> tuple[list[Path], list[UnreadableFileError]]:
    """Replaces each folder by the ``*.h5`` files in it, and keeps each file once, in order.

    Hidden files are left out: they are another program's half-written ones.

    Returns:
        The files, and one error for each folder that has none.
    """
    files: dict[Path, Path] = {}
    errors = []
    for path in map(Path, paths):
        found = [path]
        if path.is_dir():
            found = sorted(file for file in path.glob("*.h5") if not file.name.startswith("."))
            if not found:
                errors.append(UnreadableFileError(path, "the folder holds no *.h5 file"))
        for file in found:
            files.setdefault(file.resolve(), file)
    return list(files.values()), errors


def _read_once(path: Path, groups: Sequence[str], last: Mapping[str, int]) -> Results:
    # Results folders are often on file systems without locks: there, read without one.
    with h5py.File(path, "r", locking="best-effort") as file:
        attributes = _group(path, file, "provenance").attrs
        provenance = {name: _plain(value) for name, value in attributes.items()}
        tables = {}
        for group in groups:
            members = _group(path, file, group).items()
            rows = slice(-last[group], None) if group in last else ()
            tables[group] = {
                name: data[rows if data.shape else ()] for name, data in members if isinstance(data, h5py.Dataset)
            }
    return Results(path, provenance, _config(path, provenance), tables)


def _group(path: Path, file: h5py.File, name: str) -> h5py.Group:
    group = file.get(name)
    if not isinstance(group, h5py.Group):
        raise UnreadableFileError(path, f"has no group /{name}: not a results file of a run")
    return group


def _config(path: Path, provenance: Mapping[str, object]) -> Mapping[str, object]:
    try:
        config = json.loads(str(provenance.get("config", "{}")))
    except json.JSONDecodeError as error:
        raise UnreadableFileError(path, f"/provenance/config is not JSON ({error})") from error
    if not isinstance(config, dict):
        raise UnreadableFileError(path, "/provenance/config is not a JSON object")
    return config


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.ndarray):
        return str(value.tolist())  # not of a run's own making
    return value.item() if isinstance(value, np.generic) else value


def _reason(path: Path, error: Exception) -> str:
    """Puts the common troubles in words; HDF5's own are long and name its internals."""
    if not path.exists():
        return "no such file"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, BlockingIOError):
        return "locked by another program; try again later"
    try:
        with path.open("rb") as file:
            start = file.read(len(_HDF5_SIGNATURE))
    except OSError as unreadable:
        return str(unreadable.strerror or unreadable)
    if not start:
        return "the file is empty"
    if start != _HDF5_SIGNATURE:
        return "not an HDF5 file"
    return f"damaged or truncated HDF5 file ({str(error).splitlines()[0]})"
