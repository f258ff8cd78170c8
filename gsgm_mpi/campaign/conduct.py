"""Does what is left to do of a campaign."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from gsgm_mpi.campaign.crew import Crew, Ended
from gsgm_mpi.campaign.folder import Folder, Standing, State
from gsgm_mpi.campaign.grid import Job

_POLL_S = 0.1
#: How often files are looked at: those of runs that go on here, and of those that another process has at work.
_LOOK_S = 2.0
_DONE, _FAILED, _USAGE, _STOPPED = 0, 1, 2, 85


class Show(Protocol):
    """Is told what happens."""

    def had_ended(self) -> None:
        """A run needs nothing: it had ended before."""

    def begins(self, job: Job, there: Standing) -> None:
        """A run is started, or goes on."""

    def elsewhere(self, job: Job) -> None:
        """A run is at work in a process of another's, and is waited for."""

    def ended(self, job: Job, there: Standing, seconds: float) -> None:
        """A run has come to its end."""

    def failed(self, job: Job, why: str) -> None:
        """A run cannot be done, or was not."""

    def progress(self, epochs: int, at_work: list[Job]) -> None:
        """Epochs that all runs together have, and what goes on."""


class Conductor:
    """Goes through the runs of a campaign.

    Args:
        folder: where they lie.
        at_once: how many processes.
        show: see :class:`Show`.
        stop_requested: whether to end early.
    """

    def __init__(self, folder: Folder, at_once: int, show: Show, stop_requested: Callable[[], bool]) -> None:
        self._folder = folder
        self._crew = Crew(at_once)
        self._show = show
        self._stop_requested = stop_requested
        self._waiting = list(folder.jobs)
        self._given_up: set[str] = set()
        self._elsewhere: set[str] = set()
        self._epochs: dict[str, int] = {}

    def run(self) -> int:
        """Returns the exit code: 0 all have ended, 1 some failed, 85 stopped. Leaves no process behind."""
        try:
            return self._run()
        finally:
            self._crew.stop()

    def _run(self) -> int:
        for job in list(self._waiting):
            if self._folder.standing(job).state.ended:
                self._leave_out(job)
        looked_at = -_LOOK_S
        while self._waiting or self._crew.busy:
            if self._stop_requested():
                self._stop()
                return _STOPPED
            for ended in self._crew.ended():
                self._take_note(ended)
                looked_at = -_LOOK_S
            if time.monotonic() - looked_at >= _LOOK_S:
                self._fill()
                self._report()
                looked_at = time.monotonic()
            time.sleep(_POLL_S)
        return _FAILED if self._given_up else _DONE

    def _stop(self) -> None:
        self._crew.stop()
        for ended in self._crew.ended():
            if self._folder.standing(ended.job).state.ended:
                self._take_note(ended)

    def _fill(self) -> None:
        """Starts what can be; runs that another process has at work stay in line until it is done with them."""
        for job in list(self._waiting):
            if not self._crew.has_room:
                return
            there = self._folder.standing(job)
            if there.state.ended:
                self._leave_out(job)
            elif there.state == State.FOREIGN:
                self._give_up(job, there.text)
            elif there.state == State.WAITING:
                lost = [trial.name for trial in self._folder.trials(job) if trial.name in self._given_up]
                if lost:
                    self._give_up(job, f"needs {', '.join(lost)}")
            elif there.state == State.RUNNING:
                if job.name not in self._elsewhere:
                    self._elsewhere.add(job.name)
                    self._show.elsewhere(job)
            else:
                self._start(job, there)

    def _start(self, job: Job, there: Standing) -> None:
        try:
            self._crew.start(job, self._folder.command(job), self._folder.log(job))
        except OSError as error:
            self._give_up(job, f"cannot be started ({error})")
            return
        self._waiting.remove(job)
        self._show.begins(job, there)

    def _leave_out(self, job: Job) -> None:
        self._waiting.remove(job)
        self._epochs[job.name] = self._folder.epochs(job)
        self._show.had_ended()

    def _take_note(self, ended: Ended) -> None:
        there = self._folder.standing(ended.job)
        if there.state.ended:
            self._epochs[ended.job.name] = self._folder.epochs(ended.job)
            self._show.ended(ended.job, there, ended.seconds)
            return
        if there.state == State.RUNNING:
            # Another process began it at the same moment, and this one was refused.
            self._waiting.append(ended.job)
            return
        said = self._folder.last_line(ended.job) if ended.code == _USAGE else there.text
        why = said and f" ({said})"
        how = f"by signal {-ended.code}" if ended.code < 0 else f"with exit code {ended.code}"
        self._given_up.add(ended.job.name)
        self._show.failed(ended.job, f"ended {how}{why}; see {self._folder.log(ended.job)}")

    def _give_up(self, job: Job, why: str) -> None:
        self._waiting.remove(job)
        self._given_up.add(job.name)
        self._show.failed(job, why)

    def _report(self) -> None:
        for job in self._crew.jobs:
            self._epochs[job.name] = self._folder.standing(job).epochs
        self._show.progress(sum(self._epochs.values()), self._crew.jobs)
