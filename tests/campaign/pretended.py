"""Campaigns whose runs end at once: in the place of a process, a results file with what a campaign reads of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gsgm_mpi.campaign.command import Launch
from gsgm_mpi.campaign.crew import Ended
from gsgm_mpi.campaign.folder import Folder
from gsgm_mpi.campaign.grid import expand, read
from gsgm_mpi.cli import parse
from gsgm_mpi.cluster import settle
from gsgm_mpi.config import Config
from gsgm_mpi.program.identity import sources
from gsgm_mpi.results.schema import SCHEMA_VERSION
from tests.program.in_process import recorded_config

SMALL = {"dataset": "synthetic:1x4x4:3:96", "batch_size": 8, "learners": 3, "epochs": 2}
#: Does what a run does; returns its exit code.
Run = Callable[[Config], int]

#: A campaign's file, its grid, and the names of its runs.
FILE = """
[options]
dataset = "synthetic:1x4x4:3:96"
batch_size = 8
learners = 3
epochs = 2

[grid]
method = ["gsgm", "downpour"]
seed = [1, 2]
"""
GRID = {"method": ["gsgm", "downpour"], "seed": [1, 2]}
NAMES = ["gsgm-seed1", "downpour-seed1", "gsgm-seed2", "downpour-seed2"]
#: Trials that have options of their own.
TUNE = {"factors": [0.5, 1.0, 4.0], "options": {"epochs": 1, "batch_size": 4}}


def write(config: Config, status: str = "finished", accuracies: Sequence[float] = (0.25, 0.5), error: str = "") -> None:
    """Writes what a campaign reads of a results file."""
    with h5py.File(config.output, "w") as file:
        file["epochs/test_accuracy"] = np.array(accuracies, float)
        file.create_group("provenance").attrs.update(
            schema_version=SCHEMA_VERSION,
            config=json.dumps(config.to_dict()),
            sources=json.dumps(sources(config)),
            learners=config.learners,
            clock=config.clock,
            start="",
            status=status,
            error=error,
        )


def finishes(config: Config) -> int:
    write(config)
    return 0


def diverges(config: Config) -> int:
    write(config, "diverged", [0.5, 0.1])
    return 0


def fails(config: Config) -> int:
    write(config, "failed", [0.25], "Traceback ...\nRuntimeError: boom\n")
    return 1


def is_killed(config: Config) -> int:
    write(config, "running", [0.25])
    return -9


def config_of(command: Sequence[str]) -> Config:
    """What the program makes of a command of a campaign."""
    argv = list(command[command.index("gsgm_mpi") + 1 :])
    config = parse(argv, recorded_config).resolved.config
    return settle(config, config.learners + 1 if config.clock == "wall" else 1)


class Crew:
    """In the place of the one that starts processes.

    Args:
        runs: what happens, by the run's name; the others finish.
    """

    def __init__(self, runs: Mapping[str, Run] | None = None) -> None:
        self.runs = dict(runs or {})
        self.size = 0
        #: In the order in which they were started.
        self.started: list[str] = []
        self.commands: list[Sequence[str]] = []
        self.most_at_once = 0
        self.stopped = 0
        self._at_work: list[tuple[Any, int]] = []

    def __call__(self, size: int) -> Crew:
        self.size = size
        return self

    @property
    def busy(self) -> bool:
        return bool(self._at_work)

    @property
    def has_room(self) -> bool:
        return len(self._at_work) < self.size

    @property
    def jobs(self) -> list[Any]:
        return [job for job, _ in self._at_work]

    def start(self, job, command: Sequence[str], log: Path) -> None:
        config = config_of(command)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"gsgm_mpi: the last line of {job.name}\n")
        code = self.runs.get(job.name, finishes)(config)
        self.started.append(job.name)
        self.commands.append(command)
        self._at_work.append((job, code))
        self.most_at_once = max(self.most_at_once, len(self._at_work))

    def ended(self) -> list[Ended]:
        found = [Ended(job, code, 1.0) for job, code in self._at_work]
        self._at_work = []
        return found

    def stop(self) -> None:
        self.stopped += 1


class Shown:
    """What a person is told, as tuples."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.epochs: list[int] = []

    def had_ended(self) -> None:
        self.told.append(("had ended",))

    def begins(self, job, there) -> None:
        self.told.append(("begins", job.name, there.epochs))

    def elsewhere(self, job) -> None:
        self.told.append(("elsewhere", job.name))

    def ended(self, job, there, seconds) -> None:
        self.told.append(("ended", job.name, there.state.value))

    def failed(self, job, why) -> None:
        self.told.append(("failed", job.name, why))

    def progress(self, epochs, at_work) -> None:
        self.epochs.append(epochs)

    def of(self, what: str) -> list[Any]:
        """The runs of which this was told."""
        return [told[1] for told in self.told if told[0] == what]


def folder_of(
    path: Path,
    grid: Mapping[str, Any],
    *overrides: str,
    options=SMALL,
    tune=None,
    ranks=1,
    launcher="mpiexec -n {ranks}",
) -> Folder:
    """A campaign of a file's contents."""
    content = {"options": options, "grid": grid} | ({"tune": tune} if tune else {})
    jobs = expand(read(content))
    return Folder(path, jobs, overrides, Launch(ranks, launcher), checkpoint_every=1)


def pretend(folder: Folder, name: str, run: Run = finishes) -> Path:
    """Makes one run's file; returns its path."""
    job = next(job for job in folder.jobs if job.name == name)
    folder.output(job).parent.mkdir(parents=True, exist_ok=True)
    run(config_of(folder.command(job)))
    return folder.output(job)


def job_of(folder, name):
    return next(job for job in folder.jobs if job.name == name)


def standing(folder, name="gsgm"):
    return folder.standing(job_of(folder, name))


def undated(lines):
    return [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", "", line) for line in lines]
