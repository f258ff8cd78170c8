"""Whole runs in this process: the program from its options to its last line, on one rank, without a launcher."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from mpi4py import MPI

from gsgm_mpi.cli import parse
from gsgm_mpi.cluster import settle
from gsgm_mpi.config import Config
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.program.launch import FINISHED
from gsgm_mpi.program.run import lead
from gsgm_mpi.program.start import begin
from gsgm_mpi.results.reader import read_provenance
from gsgm_mpi.results.schema import EPOCHS, TRACE, UPDATES

TABLES = {"updates": UPDATES, "epochs": EPOCHS, "trace": TRACE}
HOSTS = ["here"]


class Stops:
    """A request to stop that comes when it has been looked for so often."""

    def __init__(self, at: int | None = None) -> None:
        self._at = at
        self._asked = 0
        self.raises = True

    @property
    def requested(self) -> bool:
        self._asked += 1
        return self._at is not None and self._asked >= self._at


class Program:
    """Runs in a folder of their own, on data that takes no time."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self._small = ("--dataset", "synthetic:1x4x4:3:96", "--batch-size", "8", "--cache-dir", str(cache))

    def argv(self, *argv: str, output: str = "run.h5") -> list[str]:
        learners = () if "--learners" in argv else ("--learners", "3")
        return [*self._small, *learners, "--epochs", "3", *argv, "--output", str(self.folder / output)]

    def config(self, *argv: str, output: str = "run.h5") -> Config:
        return settle(parse(self.argv(*argv, output=output)).resolved.config, 1)

    def run(self, *argv: str, output: str = "run.h5", stop_at: int | None = None) -> int:
        """The exit code of a run of virtual time."""
        return self.lead(self.argv(*argv, output=output), stop_at)

    def replay(self, *argv: str, output: str = "run.h5") -> int:
        """The exit code of a replay; ``output`` is the file that is replayed."""
        return self.lead(["--replay", str(self.folder / output), *argv])

    def lead(self, argv: list[str], stop_at: int | None = None) -> int:
        start = begin(parse(argv, recorded_config), 1, argv)
        if start is None:
            return FINISHED
        # As on every rank of a real run.
        with np.errstate(over="ignore", invalid="ignore"):
            return lead(MPI.COMM_SELF, start, HOSTS, Stops(stop_at), Patience())

    def __truediv__(self, name: str) -> Path:
        return self.folder / name


def recorded_config(path: str, option: str) -> dict:
    return json.loads(read_provenance(Path(path), option)["config"])


def contents(path: Path) -> dict[str, bytes]:
    """Everything that must be the same where two runs are: by name, to the last bit."""
    with h5py.File(path) as file:
        found = {
            f"{table}/{column.name}": file[table][column.name][:].tobytes()
            for table, columns in TABLES.items()
            for column in columns
            if column.name != "wall_s"
        }
        found |= {f"learners/{name}": file["learners"][name][:].tobytes() for name in NUMBERS_OF_LEARNERS}
        return found | {name: file[name][:].tobytes() for name in ("epochs/class_accuracy", "final/weights")}


NUMBERS_OF_LEARNERS = ("learner", "rank", "samples", "updates", "dropped", "compute_s", "wait_s", "label_counts")


def edit(path: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Puts other values in the place of a data set's, which may then be longer or shorter."""
    with h5py.File(path, "r+") as file:
        values = np.asarray(change(file[name][:]))
        if values.shape == file[name].shape:
            file[name][:] = values
        else:
            del file[name]
            file[name] = values


def set_attribute(path: Path, **values: object) -> None:
    """Changes what ``/provenance`` says."""
    with h5py.File(path, "r+") as file:
        for name, value in values.items():
            file["provenance"].attrs[name] = value


def cut_rows(path: Path, **rows: int) -> None:
    """Leaves only so many rows of the tables that are named."""
    for table, n in rows.items():
        names = [column.name for column in TABLES[table]] + (["class_accuracy"] if table == "epochs" else [])
        for name in names:
            edit(path, f"{table}/{name}", lambda values, n=n: values[:n])
