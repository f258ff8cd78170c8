"""What a person sees of a campaign: a line for each run, and on a terminal a bar with the time left."""

from __future__ import annotations

import sys
from collections import Counter
from types import TracebackType
from typing import Self

from gsgm_mpi.campaign.folder import Folder, Standing, State
from gsgm_mpi.campaign.grid import Job
from gsgm_mpi.program.wall import date

_EPOCHS_SPEED_S = 600.0


class Lines:
    """A line for each run, and with ``bar`` a bar below them.

    Args:
        folder: the campaign's.
        bar: there is a terminal.
    """

    def __init__(self, folder: Folder, *, bar: bool) -> None:
        self._total = len(folder.jobs)
        self._counts: Counter[str] = Counter()
        # Late: only here, and only with a terminal.
        self._bar = _Bar(sum(map(folder.epochs, folder.jobs))) if bar else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.progress.stop()

    def had_ended(self) -> None:
        self._counts["ended"] += 1

    def begins(self, job: Job, there: Standing) -> None:
        if there.epochs:
            self._say(f"{job.name} goes on after {there.epochs} epochs or fewer")

    def elsewhere(self, job: Job) -> None:
        self._say(f"{job.name} is being written by another process; it is waited for")

    def ended(self, job: Job, there: Standing, seconds: float) -> None:
        self._counts["ended"] += 1
        self._say(f"{self._place()} {job.name} {result(there)}, {seconds:.0f} s")

    def failed(self, job: Job, why: str) -> None:
        self._counts["failed"] += 1
        self._say(f"{self._place()} {job.name} failed: {why}")

    def progress(self, epochs: int, at_work: list[Job]) -> None:
        if self._bar is not None:
            self._bar.update(epochs, f"{self._place()} {', '.join(job.name for job in at_work[:2])}")

    def summary(self, code: int) -> str:
        """The last line."""
        ended, failed = self._counts["ended"], self._counts["failed"]
        left = self._total - ended - failed
        parts = [f"{ended} of {self._total} runs have ended"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{left} left: the same command goes on"] if left and code else []
        return ", ".join(parts)

    def _place(self) -> str:
        return f"[{self._counts['ended'] + self._counts['failed']}/{self._total}]"

    def _say(self, text: str) -> None:
        line = f"{date()}  {text}"
        if self._bar is None:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        else:
            self._bar.progress.console.print(line, highlight=False, markup=False, soft_wrap=True)


class _Bar:
    """On a terminal; its unit is an epoch."""

    def __init__(self, epochs: int) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.progress = Progress(
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
            # Runs of one method may take much longer than another's.
            speed_estimate_period=_EPOCHS_SPEED_S,
        )
        self._task = self.progress.add_task("", total=epochs)

    def update(self, epochs: int, text: str) -> None:
        self.progress.update(self._task, completed=epochs, description=text)


def result(there: Standing) -> str:
    """How a run ended, in words."""
    accuracy = f" with accuracy {there.accuracies[-1]:.4f}" if there.accuracies else ""
    return f"{there.state.value}{accuracy}"


def standings(folder: Folder) -> str:
    """Where each run stands, and how many stand so."""
    found = [(job, folder.standing(job)) for job in folder.jobs]
    width = max(len(job.name) for job in folder.jobs)
    lines = []
    for i, (job, there) in enumerate(found):
        epochs = f"epoch {there.epochs}/{folder.epochs(job)}" if there.epochs and not there.state.ended else ""
        said = result(there) if there.state.ended else there.state.value
        lines.append("  ".join(filter(None, (f"{i:4}", job.name.ljust(width), said, epochs, there.text))))
    for cell, (lr, at_an_end) in folder.tuned_rates().items():
        hint = ", the first or last that was tried: widen [tune] factors" if at_an_end else ""
        lines.append(f"rate of {cell}: {lr:g}{hint}")
    counts = Counter(there.state for _, there in found)
    lines.append(", ".join(f"{counts[state]} {state.value}" for state in State if counts[state]))
    return "\n".join(lines) + "\n"
