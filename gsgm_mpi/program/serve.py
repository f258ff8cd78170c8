"""Rank 0's part of a run: the method, its engine, and the record of it."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gsgm_mpi.durations import Measured
from gsgm_mpi.engines.clock import Happening, Kind
from gsgm_mpi.engines.collective_server import CollectiveServer
from gsgm_mpi.engines.committer import Committer
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.server import Server
from gsgm_mpi.methods import Method
from gsgm_mpi.program.engines import committer, conductor, virtual_clock, wall_engine
from gsgm_mpi.program.identity import identity
from gsgm_mpi.program.journal import Journal
from gsgm_mpi.program.launch import FINISHED, STOPPED, Interrupt
from gsgm_mpi.program.parts import Parts
from gsgm_mpi.program.record import open_record
from gsgm_mpi.program.resume import data_of
from gsgm_mpi.program.saver import Saver
from gsgm_mpi.program.summary import describe, notes
from gsgm_mpi.program.wall import complain, say
from gsgm_mpi.results import checkpoint
from gsgm_mpi.results.recorder import utc_now

if TYPE_CHECKING:
    from mpi4py import MPI

Engine = Server | CollectiveServer | Committer


def serve(
    comm: MPI.Intracomm,
    parts: Parts,
    hosts: list[str],
    interrupt: Interrupt,
    patience: Patience,
    *,
    state: Mapping[str, Any] | None,
    durations: Measured | None,
) -> int:
    """Rank 0 from the start-up summary to the last line; returns the exit code.

    Args:
        comm: all ranks.
        parts: of the run.
        hosts: of the ranks.
        interrupt: tells of a request to stop.
        patience: how to wait.
        state: a checkpoint to go on from.
        durations: what the run says that is named by ``--durations-from``.
    """
    config, plan = parts.config, parts.plan
    virtual = config.clock == "virtual"
    output = Path(config.output).resolve()  # a link stays one, and its target is written
    resumed = [] if state is None else [*json.loads(checkpoint.text(state, "run.resumed")), utc_now()]
    start = utc_now() if state is None else checkpoint.text(state, "run.start")
    method = parts.method(hosts[1:])
    for line in describe(parts, hosts):
        say(line)
    before_s = 0.0 if state is None else float(state["run.elapsed"])
    began = time.perf_counter()

    def elapsed() -> float:
        return before_s + time.perf_counter() - began

    recorder, progress, journal = open_record(
        parts,
        method,
        output,
        ranks=hosts,
        learners=[""] * plan.learners if virtual else hosts[1:],
        updates=plan.updates,
        elapsed=elapsed,
        more={"resumed": resumed},
        start=start,
    )
    for note in notes(parts, hosts):
        recorder.note(note)

    facts = {"start": start, "resumed": json.dumps(resumed), "data": data_of(parts)}
    saver = Saver(output, config.checkpoint_every, identity(config), elapsed, facts, journal.complain)
    # From here on there is a file, and a signal must leave a whole one.
    interrupt.raises = False
    if state is None:
        checkpoint.remove_all(output)
        recorder.write()
    try:
        engine, end = _engine(comm, parts, hosts, method, journal, saver, interrupt, elapsed, patience, durations)
        if state is not None:
            saver.restore(state)
            progress.resume(engine.update)
            say(f"goes on after update {engine.update:,}")
            journal.write()
        engine.run()
        # Not to be resumed, even where a stop was asked for: more updates would mend nothing.
        diverged = engine.diverged or not np.isfinite(method.w).all()
        # A request that came when all had been done changes nothing.
        cut_short = engine.stopped and engine.update < plan.updates
        status = "diverged" if diverged else "stopped" if cut_short else "finished"
        if status == "stopped":
            saver.save()
            at_s = journal.now_s if virtual else elapsed()
            journal.on_event(Happening(Kind.STOP, 0, 0.0, 0.0, arrival_s=at_s, now_s=at_s))
        end()
        journal.finish(status)
    except BaseException as error:
        _note_failure(journal, error)
        raise
    progress.last(engine.update, status)
    say(f"results: {config.output}")
    return STOPPED if status == "stopped" else FINISHED


def _engine(
    comm: MPI.Intracomm,
    parts: Parts,
    hosts: list[str],
    method: Method,
    journal: Journal,
    saver: Saver,
    interrupt: Interrupt,
    elapsed: Callable[[], float],
    patience: Patience,
    durations: Measured | None,
) -> tuple[Engine, Callable[[], None]]:
    """Rank 0's side of whatever the run needs, and what ends the other ranks' part where the engine does not."""
    engine: Engine
    if parts.config.clock == "wall":
        engine = wall_engine(
            comm, parts, hosts[1:], method, journal, saver, lambda: interrupt.requested, elapsed, patience
        )
        saver.parts = {"journal": journal, "engine": engine}
        saver.progress = lambda: (engine.update, engine.epochs)
        return engine, lambda: None
    books = conductor(parts, method, journal)
    clock = virtual_clock(parts, durations)

    def after_event() -> None:
        if saver.due(books.epochs) and books.update < parts.plan.updates:
            saver.save()

    engine, pool = committer(
        comm,
        parts,
        [""] * parts.plan.learners,
        books,
        clock,
        journal,
        stop_requested=lambda: interrupt.requested,
        after_event=after_event,
        patience=patience,
    )
    saver.parts = {"journal": journal, "clock": clock, "engine": engine}
    saver.progress = lambda: (engine.update, books.epochs)
    return engine, pool.close


def _note_failure(journal: Journal, error: BaseException) -> None:
    """Gives the file the status ``failed``; a failure to do so is only said, as the first one ends the run."""
    try:
        journal.finish("failed", "".join(traceback.format_exception_only(error)).strip())
    except Exception as second:
        complain(f"the results file could not be given the status 'failed': {second}")
