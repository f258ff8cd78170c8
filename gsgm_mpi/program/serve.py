"""Rank 0's part of a run: the method, its engine, and the record of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from gsgm_mpi.engines.conductor import Conductor
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.server import Server
from gsgm_mpi.program.journal import Journal
from gsgm_mpi.program.launch import FINISHED, STOPPED, Interrupt
from gsgm_mpi.program.progress import Progress
from gsgm_mpi.program.provenance import provenance
from gsgm_mpi.program.run import Parts
from gsgm_mpi.program.summary import describe
from gsgm_mpi.program.wall import say
from gsgm_mpi.results.recorder import Recorder

if TYPE_CHECKING:
    from mpi4py import MPI


def serve(comm: MPI.Intracomm, parts: Parts, hosts: list[str], interrupt: Interrupt, patience: Patience) -> int:
    """Rank 0 from the start-up summary to the last line; returns the exit code."""
    config, problem, plan = parts.config, parts.problem, parts.plan
    method = config.method_class(
        problem.initial_weights(),
        range(1, plan.learners + 1),
        lr=config.lr,
        seed=config.seed,
        **config.options,
    )
    recorder = Recorder(
        Path(config.output),
        provenance(parts, hosts),
        hosts=hosts[1:],
        label_counts=parts.label_counts,
        weights=lambda: method.w,
    )
    for line in describe(parts, hosts):
        say(line)
    recorder.write()
    progress = Progress(plan.epochs, plan.updates, config.report_every, clock=time.monotonic, say=say)
    journal = Journal(recorder, problem.evaluate, plan, progress, 2 if config.algo == "svrg" else 1)
    rule = method.rule()
    conductor = Conductor(method, plan, lambda k: rule.steps(plan.batches[k - 1]), journal)
    server = Server(
        comm,
        conductor,
        journal,
        steps=parts.steps,
        variance_reduced=config.algo == "svrg",
        budget=config.budget,
        stop_requested=lambda: interrupt.requested,
        patience=patience,
    )
    interrupt.raises = False
    try:
        server.run()
    except BaseException as error:
        journal.finish("failed", str(error))
        raise
    status = "stopped" if server.stopped else "diverged" if conductor.diverged else "finished"
    journal.finish(status)
    progress.last(conductor.update, status)
    say(f"results: {config.output}")
    return STOPPED if server.stopped else FINISHED
