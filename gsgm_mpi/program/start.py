"""Rank 0, before the others are told: from the command to the parts of a run, and what there is of it already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsgm_mpi.cluster import settle
from gsgm_mpi.durations import Measured
from gsgm_mpi.errors import UserError
from gsgm_mpi.program.output import Lock
from gsgm_mpi.program.resume import check_data, look
from gsgm_mpi.program.wall import say
from gsgm_mpi.results.reader import RecordedRun, read_run

if TYPE_CHECKING:
    from gsgm_mpi.cli import Command
    from gsgm_mpi.config import Config
    from gsgm_mpi.program.run import Start


def begin(command: Command, ranks: int, argv: Sequence[str]) -> Start | None:
    """Everything rank 0 needs to lead the run; None: the run that is to go on had ended.

    Raises:
        UserError: whatever is the user's to mend.
    """
    if command.replay is not None:
        recorded = read_run(Path(command.replay), "--replay")
        config = replace(command.resolved.config, learners=recorded.learners, clock=recorded.config["clock"])
        prepared = partial(_replay, command, config, recorded, argv)
    else:
        config = settle(command.resolved.config, ranks)
        prepared = partial(_run, config, argv)
    if command.writes:
        _check_sources(command.replay, "--replay", config)
        _check_sources(config.durations_from, "--durations-from", config)
    lock = Lock(Path(config.output).resolve()) if command.writes else None
    start = None
    try:
        start = prepared(lock)
    finally:
        if start is None and lock is not None:
            lock.release()
    return start


def _check_sources(path: str | None, option: str, config: Config) -> None:
    if path is not None and Path(path).resolve() == Path(config.output).resolve():
        raise UserError(
            f"--output must be another file than {option} {path}, which is read; name another with --output"
        )


def _run(config: Config, argv: Sequence[str], lock: Lock | None) -> Start | None:
    found = look(config)
    if found.ended:
        say(f"{config.output} has {found.ended}; nothing is left to do")
        return None
    durations = None if config.durations_from is None else _durations(config.durations_from, config.learners)
    # Late: torch.
    from gsgm_mpi.program.parts import prepare
    from gsgm_mpi.program.run import Start

    parts = prepare(config, argv)
    if found.state is not None:
        check_data(found.state, parts)
    return Start(parts, lock, found.state, durations)


def _replay(
    command: Command, config: Config, recorded: RecordedRun, argv: Sequence[str], lock: Lock | None
) -> Start | None:
    from gsgm_mpi.program.parts import prepare
    from gsgm_mpi.program.run import Start

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
