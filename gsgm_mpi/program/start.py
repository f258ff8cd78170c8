"""Rank 0, before the others are told: from the command to the parts of a run, and what there is of it already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsgm_mpi.cluster import settle
from gsgm_mpi.durations import Measured
from gsgm_mpi.errors import UserError
from gsgm_mpi.program.output import Lock
from gsgm_mpi.program.resume import look
from gsgm_mpi.program.wall import say
from gsgm_mpi.results.reader import read_run

if TYPE_CHECKING:
    from gsgm_mpi.cli import Command
    from gsgm_mpi.program.run import Start


def begin(command: Command, ranks: int, argv: Sequence[str]) -> Start | None:
    """Everything rank 0 needs to lead the run; None: the run that is to go on had ended.

    Raises:
        UserError: whatever is the user's to mend.
    """
    if command.replay is not None:
        return _replay(command, argv)
    config = settle(command.resolved.config, ranks)
    lock = Lock(Path(config.output).resolve())
    found = look(config)
    if found.ended:
        say(f"{config.output} has {found.ended}; nothing is left to do")
        return None
    durations = None
    if config.durations_from is not None:
        durations = _durations(config.durations_from, config.learners)
    from gsgm_mpi.program.run import Start, prepare  # late: torch

    return Start(prepare(config, argv), lock, found.state, durations)


def _replay(command: Command, argv: Sequence[str]) -> Start:
    recorded = read_run(Path(command.replay or ""), "--replay")
    from gsgm_mpi.program.run import Start, prepare

    config = replace(command.resolved.config, learners=recorded.learners, clock=recorded.config["clock"])
    lock = Lock(Path(config.output).resolve()) if command.writes else None
    return Start(prepare(config, argv), lock, recorded=recorded, until=command.until, writes=command.writes)


def _durations(path: str, learners: Any) -> Measured:
    recorded = read_run(Path(path), "--durations-from")
    if recorded.learners != learners:
        raise UserError(
            f"--learners must be that of the run in --durations-from, {recorded.learners}, not {learners}; leave it out"
        )
    measured = recorded.measured()
    idle = [k for k, each in measured.seconds.items() if not each]
    if idle:
        raise UserError(f"--durations-from: in {path} learner {idle[0]} has computed nothing; record a longer run")
    return measured
