"""Writes the results file: one HDF5 file, whole at every moment.

Everything is kept in memory on rank 0. Each write makes a complete new file beside the old one and puts it in its
place, so a reader and a crash at any moment find a whole file; HDF5's own single-writer mode does not survive a kill
(docs/results-file.md).
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gsgm_mpi.results.schema import EPOCHS, LEARNERS, SCHEMA_VERSION, TRACE, UPDATES, Column
from gsgm_mpi.results.table import Table

#: The latest are kept: an attribute holds no more than 64 kB.
_NOTES = 50
_COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}


class Recorder:
    """The contents of one results file.

    Args:
        path: where the file goes; None: nowhere.
        provenance: attributes of ``/provenance``; ``schema_version``, ``start``, ``end`` and ``status`` are added.
        hosts: the host of each learner; empty where ranks compute for any of them.
        label_counts: samples of each class in each learner's shard, int64, shape (K, classes).
        weights: gives the current weights, float32, shape (d,), at every write.
        start: when the run began, where that is not now.
    """

    def __init__(
        self,
        path: Path | None,
        provenance: Mapping[str, Any],
        *,
        hosts: list[str],
        label_counts: NDArray[np.int64],
        weights: Callable[[], NDArray[np.float32]],
        start: str = "",
    ) -> None:
        self.path = path
        self.provenance = {
            "schema_version": SCHEMA_VERSION,
            **provenance,
            "start": start or utc_now(),
            "end": "",
            "status": "running",
        }
        self._notes: deque[str] = deque(maxlen=_NOTES)
        self.epochs = Table(EPOCHS)
        self.updates = Table(UPDATES)
        self.trace = Table(TRACE)
        self._learners = Table(LEARNERS)
        self.class_accuracy: list[NDArray[np.float64]] = []
        self._weights = weights
        self._hosts = hosts
        self._label_counts = label_counts

    def set_learners(self, used: list[int], dropped: list[int], compute_s: list[float], wait_s: list[float]) -> None:
        """Brings the rows of ``/learners`` up to date; one entry a learner."""
        self._learners = Table(LEARNERS)
        samples = self._label_counts.sum(axis=1).tolist()
        for k, rest in enumerate(zip(samples, used, dropped, compute_s, wait_s, strict=True), start=1):
            self._learners.append((k, k if self._hosts[k - 1] else 0, *rest))

    def note(self, text: str) -> None:
        """Adds a line to ``notes`` in ``/provenance``, for whoever reads the file; it is in the next one written."""
        self._notes.append(text)

    def finish(self, status: str, error: str = "") -> None:
        """Notes how the run ended and writes the file."""
        self.provenance |= {"end": utc_now(), "status": status, "error": error}
        self.write()

    def write(self) -> None:
        """Writes everything to a new file and puts it in the place of the old one."""
        if self.path is None:
            return
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            with h5py.File(beside, "w", libver="latest", track_order=True) as file:
                self._fill(file)
            with beside.open("rb") as written:
                os.fsync(written.fileno())
            beside.replace(self.path)
        finally:
            beside.unlink(missing_ok=True)

    def _fill(self, file: h5py.File) -> None:
        classes = np.arange(self._label_counts.shape[1])
        epochs = _write_table(file, "epochs", self.epochs)
        shape = (len(self.class_accuracy), len(classes))
        accuracy = np.array(self.class_accuracy).reshape(shape)
        _scale(epochs, Column("class", "i4", "1", "class"), classes)
        column = Column("class_accuracy", "f8", "1", "fraction classified correctly, by class")
        _write(epochs, column, accuracy, "epoch", "class")
        _write_table(file, "updates", self.updates)
        learners = _write_table(file, "learners", self._learners)
        host = learners.create_dataset("host", data=self._hosts, dtype=h5py.string_dtype())
        host.dims[0].attach_scale(learners["learner"])
        host.attrs.update(units="1", long_name="host name")
        _scale(learners, Column("class", "i4", "1", "class"), classes)
        column = Column("label_counts", "i8", "1", "samples of each class in the shard")
        _write(learners, column, self._label_counts, "learner", "class")
        _write_table(file, "trace", self.trace)
        weights = self._weights()
        final = file.create_group("final", track_order=True)
        _scale(final, Column("parameter", "i4", "1", "index in w"), np.arange(weights.size))
        column = Column("weights", "f4", "1", "weights w at the time of writing")
        _write(final, column, weights, "parameter")
        provenance = file.create_group("provenance", track_order=True)
        for name, value in (self.provenance | {"notes": list(self._notes)}).items():
            provenance.attrs[name] = as_stored(value)


def as_stored(value: Any) -> str | int | float:
    """A value of ``/provenance`` as an attribute: JSON where it is no text or number."""
    return value if isinstance(value, str | int | float) else json.dumps(value)


def utc_now() -> str:
    """Date and time to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write_table(file: h5py.File, name: str, table: Table) -> h5py.Group:
    """One group; the table's first column is the scale of its rows."""
    group = file.create_group(name, track_order=True)
    first, *others = table.columns
    _scale(group, first, table[first.name])
    for column in others:
        _write(group, column, table[column.name], first.name)
    return group


def _scale(group: h5py.Group, column: Column, values: NDArray[Any]) -> None:
    _write(group, column, values)
    group[column.name].make_scale(column.name)


def _write(group: h5py.Group, column: Column, values: NDArray[Any], *scales: str) -> None:
    # An empty data set cannot be chunked, and so neither compressed.
    packing = _COMPRESSION if values.size else {}
    data = group.create_dataset(column.name, data=values.astype(column.dtype, copy=False), **packing)
    data.attrs.update(units=column.units, long_name=column.long_name)
    for axis, scale in enumerate(scales):
        data.dims[axis].attach_scale(group[scale])
