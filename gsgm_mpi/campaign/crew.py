"""Runs as child processes, so many at once."""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gsgm_mpi.campaign.command import environment
from gsgm_mpi.campaign.grid import Job


class Ended(NamedTuple):
    """A run whose process has ended."""

    job: Job
    #: Negative: by that signal.
    code: int
    seconds: float


class Crew:
    """Child processes.

    Args:
        size: how many at once.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._at_work: dict[str, tuple[Job, subprocess.Popen[bytes], float]] = {}

    @property
    def busy(self) -> bool:
        """Some run is at work."""
        return bool(self._at_work)

    @property
    def has_room(self) -> bool:
        """Another run can be started."""
        return len(self._at_work) < self._size

    @property
    def jobs(self) -> list[Job]:
        """At work."""
        return [job for job, _, _ in self._at_work.values()]

    def start(self, job: Job, command: Sequence[str], log: Path) -> None:
        """Starts a run; what it prints is added to the log, after the command itself."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            file.write(f"$ {shlex.join(command)}\n".encode())
            file.flush()
            # A session of its own: Ctrl-C reaches the campaign alone, which tells its runs in its own way.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment(),
                start_new_session=True,
            )
        self._at_work[job.name] = job, process, time.monotonic()

    def ended(self) -> list[Ended]:
        """Those that have ended since the last call."""
        found = []
        for name, (job, process, began) in list(self._at_work.items()):
            code = process.poll()
            if code is not None:
                del self._at_work[name]
                found.append(Ended(job, code, time.monotonic() - began))
        return found

    def stop(self) -> None:
        """Asks all to save themselves and end, and waits for it."""
        for _, process, _ in self._at_work.values():
            process.send_signal(signal.SIGTERM)
        for _, process, _ in self._at_work.values():
            process.wait()
