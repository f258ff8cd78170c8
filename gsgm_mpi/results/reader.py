"""Reads back what a run recorded, to replay it or to take its durations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from gsgm_mpi.durations import Measured
from gsgm_mpi.errors import UserError
from gsgm_mpi.kind import Kind
from gsgm_mpi.results.schema import EPOCHS, SCHEMA_VERSION, TRACE, UPDATES, Column


class RecordedRun(NamedTuple):
    """A results file's contents, as far as they tell the run."""

    provenance: dict[str, Any]
    config: dict[str, Any]
    learners: int
    #: Columns of ``/trace``, ``/updates`` and ``/epochs`` by name.
    trace: dict[str, NDArray[Any]]
    updates: dict[str, NDArray[Any]]
    epochs: dict[str, NDArray[Any]]
    weights: NDArray[np.float32]
    #: Of each learner.
    hosts: list[str]

    @property
    def status(self) -> str:
        """How the run ended."""
        return str(self.provenance["status"])

    def measured(self) -> Measured:
        """What it tells of the cluster it ran on."""
        order = np.argsort(self.updates["step"], kind="stable")
        learner, compute_s = self.updates["learner"][order], self.updates["compute_s"][order]
        seconds = {k: compute_s[learner == k].tolist() for k in range(1, self.learners + 1)}
        phases = self.trace["seconds"][self.trace["event"] == Kind.FULL_GRADIENT]
        return Measured(seconds, {k: self._ways(k, len(each)) for k, each in seconds.items()}, phases.tolist())

    def _ways(self, k: int, steps: int) -> list[float]:
        """Of each of learner k's steps: what its message took from hand-out to arrival, less computing."""
        messages = (self.trace["event"] == Kind.MESSAGE) & (self.trace["learner"] == k)
        columns = (self.trace[name][messages].tolist() for name in ("step", "sent_s", "seconds", "arrival_s"))
        ways: list[float] = []
        free_s = 0.0
        for step, sent_s, seconds, arrival_s in zip(*columns, strict=True):
            # Work that came while the learner had other work began after that.
            free_s = max(sent_s, free_s) + seconds
            way = max(0.0, arrival_s - free_s)
            # The steps of the message before, of which there were as many as lie between the two.
            ways += [ways[-1]] * (step - len(ways)) if ways else []
            ways.append(way)
        return ways[:steps] + ways[-1:] * (steps - len(ways))


def read_run(path: Path, option: str) -> RecordedRun:
    """Reads a results file.

    Args:
        path: of the file.
        option: that named it, for the error.

    Raises:
        UserError: where there is no results file of this schema, or a part of it is damaged.
    """
    _check_there(path, option)
    try:
        with h5py.File(path, "r") as file:
            provenance = _provenance(file, path, option)
            return RecordedRun(
                provenance,
                json.loads(provenance["config"]),
                int(provenance["learners"]),
                _columns(file["trace"], TRACE),
                _columns(file["updates"], UPDATES),
                _columns(file["epochs"], (*EPOCHS, Column("class_accuracy", "f8", "", ""))),
                file["final/weights"][:],
                file["learners/host"].asstr()[:].tolist(),
            )
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        if isinstance(error, UserError):
            raise
        raise _unreadable(path, option, error) from error


def read_provenance(path: Path, option: str) -> dict[str, Any]:
    """The attributes of ``/provenance``, ``config`` not yet parsed; errors as in :func:`read_run`."""
    _check_there(path, option)
    try:
        with h5py.File(path, "r") as file:
            return _provenance(file, path, option)
    except (OSError, RuntimeError) as error:
        raise _unreadable(path, option, error) from error


class Progress(NamedTuple):
    """How far a run has come."""

    provenance: dict[str, Any]
    #: On the evaluation set, after each epoch.
    accuracies: list[float]


def read_progress(path: Path, option: str) -> Progress:
    """Reads little enough of a results file to be asked for often; errors as in :func:`read_run`."""
    _check_there(path, option)
    try:
        with h5py.File(path, "r") as file:
            return Progress(_provenance(file, path, option), file["epochs/test_accuracy"][:].tolist())
    except (OSError, KeyError, RuntimeError) as error:
        raise _unreadable(path, option, error) from error


def _unreadable(path: Path, option: str, error: Exception) -> UserError:
    text = " ".join(str(error).split())[:200]
    return UserError(f"{option} must be a results file that can be read, not {path} ({text})")


def _check_there(path: Path, option: str) -> None:
    if not path.is_file():
        raise UserError(f"{option} must be a results file, and there is no file {path}")


def _provenance(file: h5py.File, path: Path, option: str) -> dict[str, Any]:
    if "provenance" not in file or "schema_version" not in file["provenance"].attrs:
        raise UserError(f"{option} must be a results file, and {path} is another HDF5 file")
    found = dict(file["provenance"].attrs)
    missing = [name for name in ("config", "learners", "sources", "start", "status", "clock") if name not in found]
    if found["schema_version"] != SCHEMA_VERSION:
        raise UserError(
            f"{option}: {path} has schema version {found['schema_version']}, this program reads {SCHEMA_VERSION}; "
            "use the program that wrote it"
        )
    if missing:
        raise UserError(f"{option}: {path} lacks {', '.join(missing)} in /provenance; it was changed")
    return found


def _columns(group: h5py.Group, columns: Sequence[Column]) -> dict[str, NDArray[Any]]:
    return {column.name: group[column.name][:] for column in columns}
