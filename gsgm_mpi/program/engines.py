"""Puts together the engine that a run needs, on rank 0 and on the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gsgm_mpi import cluster
from gsgm_mpi.durations import Measured
from gsgm_mpi.engines.clock import Clock
from gsgm_mpi.engines.collective_server import CollectiveServer
from gsgm_mpi.engines.committer import Committer
from gsgm_mpi.engines.conductor import Conductor, Observer
from gsgm_mpi.engines.hooks import Saver
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.pool import InPlace, OverRanks, Pool
from gsgm_mpi.engines.server import Server
from gsgm_mpi.engines.traffic import Traffic
from gsgm_mpi.engines.virtual_clock import VirtualClock
from gsgm_mpi.methods import Method
from gsgm_mpi.network import parse_outages
from gsgm_mpi.program.journal import Journal
from gsgm_mpi.program.parts import Parts
from gsgm_mpi.program.run import workbench

if TYPE_CHECKING:
    from mpi4py import MPI


def traffic(parts: Parts, hosts: Sequence[str]) -> Traffic:
    """Bytes of vectors; ``hosts`` of the learners."""
    if not parts.config.method_class.collective:
        return Traffic(parts.problem.d)
    return Traffic(parts.problem.d, parts.schedule(hosts), parts.most_steps)


def conductor(parts: Parts, method: Method, observer: Observer) -> Conductor:
    """The bookkeeping of a run."""
    steps = {k: parts.steps_of(k) for k in method.learners}
    return Conductor(method, parts.plan, steps.__getitem__, observer)


def wall_engine(
    comm: MPI.Intracomm,
    parts: Parts,
    hosts: Sequence[str],
    method: Method,
    journal: Journal,
    saver: Saver,
    stop_requested: Callable[[], bool],
    elapsed: Callable[[], float],
    patience: Patience,
) -> Server | CollectiveServer:
    """Rank 0's side where each learner is a rank; ``hosts`` of the learners."""
    if not method.collective:
        return Server(
            comm,
            conductor(parts, method, journal),
            journal,
            saver,
            steps=parts.most_steps,
            variance_reduced=parts.config.algo == "svrg",
            stop_requested=stop_requested,
            elapsed=elapsed,
            patience=patience,
        )
    empty = np.empty(0, dtype=np.float32)
    return CollectiveServer(
        comm,
        method,
        lambda observer: conductor(parts, parts.method(hosts, w0=empty), observer),
        journal,
        journal,
        saver,
        schedule=parts.schedule(hosts),
        traffic=traffic(parts, hosts),
        steps=parts.most_steps,
        stop_requested=stop_requested,
        elapsed=elapsed,
        patience=patience,
    )


def virtual_clock(parts: Parts, recorded: Measured | None) -> VirtualClock:
    """Virtual time as the options have it; ``recorded``: see :func:`gsgm_mpi.cluster.durations`."""
    config, plan = parts.config, parts.plan
    return VirtualClock(
        cluster.durations(config, recorded),
        cluster.link(config),
        parse_outages(config.outages),
        traffic(parts, [""] * plan.learners),
        plan.batches,
    )


def committer(
    comm: MPI.Intracomm,
    parts: Parts,
    hosts: Sequence[str],
    books: Conductor,
    clock: Clock,
    journal: Journal,
    *,
    stop_requested: Callable[[], bool],
    after_event: Callable[[], None],
    patience: Patience,
) -> tuple[Committer, Pool]:
    """Rank 0's side where ranks compute for any learner; ``hosts`` of the learners, where a recorded run had some."""
    bench = workbench(comm, parts)
    learners = parts.plan.learners
    pool: Pool = InPlace(bench, learners)
    if comm.Get_size() > 1:
        pool = OverRanks(comm, bench, learners, journal.tick, patience)
    engine = Committer(
        books,
        clock,
        pool,
        journal,
        traffic(parts, hosts),
        variance_reduced=parts.config.algo == "svrg",
        stop_requested=stop_requested,
        after_event=after_event,
    )
    return engine, pool
