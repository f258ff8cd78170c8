"""A campaign on disk: which files and which command a run has, and how far it has come."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gsgm_mpi.campaign.command import Launch, configure, flags
from gsgm_mpi.campaign.grid import Job
from gsgm_mpi.campaign.tuning import at_an_end, best, score
from gsgm_mpi.cluster import settle
from gsgm_mpi.config import Config
from gsgm_mpi.errors import UserError
from gsgm_mpi.program.identity import digest, first_difference, identity, identity_of
from gsgm_mpi.program.output import is_being_written
from gsgm_mpi.results.reader import read_progress

#: What to do about a file that is in the way.
_REMEDY = "move it, or take another --folder"


class State(enum.Enum):
    """Where a run stands."""

    WAITING = "waiting for trials"
    MISSING = "not begun"
    RUNNING = "running"
    CUT = "cut, can be resumed"
    FAILED = "failed"
    FINISHED = "finished"
    DIVERGED = "diverged"
    FOREIGN = "another run's file"

    @property
    def ended(self) -> bool:
        """Nothing is left to do."""
        return self in (State.FINISHED, State.DIVERGED)


class Standing(NamedTuple):
    """Where a run stands, and what more there is to say of it."""

    state: State
    text: str = ""
    epochs: int = 0
    accuracies: Sequence[float] = ()


class Folder:
    """The runs of a campaign.

    Args:
        path: where the results files lie.
        jobs: trials and runs.
        overrides: flags of the program that win over the campaign's own, trials' excepted.
        launch: see :class:`Launch`.
        checkpoint_every: epochs.

    Raises:
        UserError: an option that the program would refuse, with the run's name.
    """

    def __init__(
        self, path: Path, jobs: Sequence[Job], overrides: Sequence[str], launch: Launch, *, checkpoint_every: int
    ) -> None:
        self.path = path
        self.jobs = tuple(jobs)
        self._overrides = overrides
        self._launch = launch
        self._checkpoint_every = checkpoint_every
        self._trials: dict[str, list[Job]] = {}
        self._ended: dict[str, Standing] = {}
        for job in jobs:
            if job.factor is not None:
                self._trials.setdefault(job.cell, []).append(job)
        self._configs: dict[str, Config] = {}
        self._bases = {job.name: self._parse(job, ()) for job in jobs}
        launch.command(self.most_ranks())

    def output(self, job: Job) -> Path:
        """The run's results file."""
        return self.path / f"{job.name}.h5"

    def log(self, job: Job) -> Path:
        """What the run prints."""
        return self.path / f"{job.name}.log"

    def last_line(self, job: Job) -> str:
        """Of what the run printed; nothing where that is gone."""
        log = self.log(job)
        lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
        return lines[-1] if lines else ""

    def trials(self, job: Job) -> Sequence[Job]:
        """Those that a run's rate comes from."""
        return self._trials[job.cell] if job.tuned else ()

    def epochs(self, job: Job) -> int:
        """That the run is to have."""
        return self._bases[job.name].epochs

    def most_ranks(self) -> int:
        """That a run has."""
        return max(self._ranks(config) for config in self._bases.values())

    def factor(self, job: Job) -> float | None:
        """What the rate is multiplied by; None: trials have not ended."""
        if not job.tuned:
            return 1.0 if job.factor is None else job.factor
        scores = self.scores(job.cell)
        return best(scores) if len(scores) == len(self._trials[job.cell]) else None

    def scores(self, cell: str) -> dict[float, tuple[float, float]]:
        """Of the trials of a cell that have ended, by factor."""
        found = {}
        for trial in self._trials.get(cell, ()):
            there = self.standing(trial)
            if there.state.ended:
                assert trial.factor is not None
                found[trial.factor] = score(there.accuracies, diverged=there.state == State.DIVERGED)
        return found

    def tuned_rates(self) -> dict[str, tuple[float, bool]]:
        """The rate of each cell whose trials have ended, and whether it was the first or last that was tried."""
        found = {}
        for job in self.jobs:
            config = self.config(job) if job.tuned else None
            if config is not None:
                assert config.lr is not None, "resolve() gives every run a rate"
                found[job.cell] = (config.lr, at_an_end(self.scores(job.cell)))
        return found

    def config(self, job: Job) -> Config | None:
        """The settled configuration; None: its rate is not known yet."""
        if job.name not in self._configs:
            rate = self._rate(job)
            if rate is None:
                return None
            self._configs[job.name] = self._parse(job, rate) if rate else self._bases[job.name]
        return self._configs[job.name]

    def arguments(self, job: Job) -> list[str] | None:
        """Of the program, those that say how the run is kept excepted; None: its rate is not known yet."""
        rate = self._rate(job)
        return None if rate is None else [*self._flags(job), *rate]

    def command(self, job: Job) -> list[str]:
        """The command of a run whose rate is known."""
        arguments = self.arguments(job)
        assert arguments is not None
        keep = ["--output", str(self.output(job)), "--resume", "--checkpoint-every", str(self._checkpoint_every)]
        launcher = self._launch.command(self._ranks(self._bases[job.name]))
        return [*launcher, sys.executable, "-m", "gsgm_mpi", *arguments, *keep]

    def digest(self, job: Job) -> str | None:
        """Tells the run's configuration from others; None: its rate is not known yet."""
        config = self.config(job)
        return None if config is None else digest(config)

    def standing(self, job: Job) -> Standing:
        """Where the run stands now."""
        if job.name not in self._ended:
            there = self._look(job)
            if not there.state.ended:
                return there
            self._ended[job.name] = there
        return self._ended[job.name]

    def _look(self, job: Job) -> Standing:
        config = self.config(job)
        output = self.output(job)
        if config is None:
            return Standing(State.WAITING)
        busy = is_being_written(output.resolve())
        if not output.exists():
            return Standing(State.RUNNING if busy else State.MISSING)
        try:
            progress = read_progress(output, "what lies there")
            there = identity_of(progress.provenance)
        except ValueError as error:
            return Standing(State.FOREIGN, f"{error}; {_REMEDY}")
        here = json.loads(json.dumps(identity(config)))
        key = first_difference(there, here)
        if key is not None:
            text = f"{output}: {key} is {there.get(key)} there and {here.get(key)} here; {_REMEDY}"
            return Standing(State.FOREIGN, text)
        status, error_text = str(progress.provenance["status"]), str(progress.provenance.get("error", ""))
        state = {"finished": State.FINISHED, "diverged": State.DIVERGED, "failed": State.FAILED}.get(status, State.CUT)
        if busy and not state.ended:
            state = State.RUNNING
        last = error_text.strip().splitlines()[-1:] if state == State.FAILED else ()
        return Standing(state, "".join(last), len(progress.accuracies), progress.accuracies)

    def _rate(self, job: Job) -> list[str] | None:
        if job.factor is None and not job.tuned:
            return []
        factor = self.factor(job)
        lr = self._bases[job.name].lr
        assert lr is not None, "resolve() gives every run a rate"
        return None if factor is None else ["--lr", repr(lr * factor)]

    def _flags(self, job: Job) -> list[str]:
        # With several ranks the program would take the wall clock.
        return ["--clock", "virtual", *flags(job.options), *self._overrides, *flags(job.held_out)]

    def _parse(self, job: Job, more: Sequence[str]) -> Config:
        try:
            config = configure([*self._flags(job), *more])
            return settle(config, self._ranks(config))
        except UserError as error:
            raise UserError(f"run {job.name}: {error}") from error

    def _ranks(self, config: Config) -> int:
        if config.clock != "wall":
            return self._launch.ranks
        if config.learners is None:
            raise UserError("--learners must be given where --clock is wall; name it in [options] or as an axis")
        return config.learners + 1
