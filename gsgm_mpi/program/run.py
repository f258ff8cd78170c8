"""One run on all ranks: each loads its parts, and leads, computes or learns."""

from __future__ import annotations

import gc
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gsgm_mpi import cluster
from gsgm_mpi.config import Config
from gsgm_mpi.durations import Measured
from gsgm_mpi.engines.failures import barrier, broadcast
from gsgm_mpi.engines.learner import Learner
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.pool import compute_for_all
from gsgm_mpi.engines.workbench import Workbench
from gsgm_mpi.errors import UserError
from gsgm_mpi.plan import EveryEpochs
from gsgm_mpi.program.launch import FINISHED, USAGE, Interrupt
from gsgm_mpi.program.parts import Parts, build
from gsgm_mpi.program.wall import complain

if TYPE_CHECKING:
    from mpi4py import MPI

    from gsgm_mpi.program.output import Lock
    from gsgm_mpi.results.reader import RecordedRun


class Mode(NamedTuple):
    """What all ranks know of a run beyond its configuration."""

    resumed: bool = False
    replaying: bool = False


class Start(NamedTuple):
    """What rank 0 knows of a run beyond its configuration."""

    parts: Parts
    #: On the results file, where one is written.
    lock: Lock | None = None
    #: A checkpoint to go on from.
    state: dict[str, Any] | None = None
    #: What the run of ``--durations-from`` tells of its cluster.
    durations: Measured | None = None
    #: A recorded run to be proved, the update to stop at, and whether a results file is written.
    recorded: RecordedRun | None = None
    until: int | None = None
    writes: bool = True

    @property
    def mode(self) -> Mode:
        """What the other ranks are to know."""
        return Mode(resumed=self.state is not None, replaying=self.recorded is not None)


def train(
    comm: MPI.Intracomm, config: Config, mode: Mode, start: Start | None, interrupt: Interrupt, *, crowded: bool
) -> int:
    """All ranks, side by side: loads, trains, and returns the exit code that all share.

    Args:
        comm: all ranks.
        config: settled.
        mode: the same everywhere.
        start: on rank 0.
        interrupt: tells of a request to stop.
        crowded: ranks outnumber cores on this node.
    """
    # A run that diverges says so in its rows and its status, not in warnings of arithmetic.
    np.seterr(over="ignore", invalid="ignore")
    parts, error = _load(comm, config, start.parts if start else None)
    barrier(comm)
    gathered = comm.gather((socket.gethostname(), error), root=0)
    hosts, mistake = [], ""
    if gathered is not None:
        hosts = [host for host, _ in gathered]
        mistake = next((f"on {host}: {text}" for host, text in gathered if text), "")
    hosts, mistake = broadcast(comm, (hosts, mistake))
    if mistake:
        if gathered is not None:
            complain(mistake)
        return USAGE
    assert parts is not None
    # What is there by now stays: the collector need not look through all of torch, which stalls a rank for 0.1 s and
    # more (docs/performance.md).
    gc.freeze()
    # A rank that shares its core must not spin at all; one that has its own may, for a while. A collective is several
    # messages, each of which a sleeper holds up for everyone: shorter sleeps double the updates of synchronous SGD.
    any_learner = mode.replaying or config.clock == "virtual"
    longest_s = 1e-4 if config.method_class.collective and not any_learner else 1e-3
    patience = Patience(eager_polls=0 if crowded else 500, longest_s=longest_s)
    if start is not None:
        code = lead(comm, start, hosts, interrupt, patience)
    elif any_learner:
        compute_for_all(comm, workbench(comm, parts), parts.problem.d, patience)
        code = FINISHED
    else:
        _learn(comm, parts, hosts, patience, resumed=mode.resumed)
        code = FINISHED
    return int(broadcast(comm, code))


def workbench(comm: MPI.Intracomm, parts: Parts) -> Workbench:
    """Of a rank that computes for any learner."""
    return Workbench(comm, parts.problem, parts.rule(), parts.plan.learners)


def lead(comm: MPI.Intracomm, start: Start, hosts: list[str], interrupt: Interrupt, patience: Patience) -> int:
    """Rank 0's part of a run or a replay; returns the exit code. Late imports, because only rank 0 needs HDF5."""
    try:
        if start.recorded is None:
            from gsgm_mpi.program.serve import serve

            return serve(comm, start.parts, hosts, interrupt, patience, state=start.state, durations=start.durations)
        from gsgm_mpi.program.replay import replay

        return replay(
            comm,
            start.parts,
            hosts,
            interrupt,
            patience,
            recorded=start.recorded,
            until=start.until,
            writes=start.writes,
        )
    finally:
        if start.lock is not None:
            start.lock.release()


def _learn(comm: MPI.Intracomm, parts: Parts, hosts: list[str], patience: Patience, *, resumed: bool) -> None:
    """A learner's part of a run."""
    config, slowing = parts.config, cluster.slowing(parts.config)
    if not config.method_class.collective:
        Learner(comm, parts.problem, parts.rule(), parts.problem.d, parts.most_steps, patience, slowing).run()
        return
    from gsgm_mpi.engines.collective_learner import CollectiveLearner

    CollectiveLearner(
        comm,
        parts.problem,
        parts.rule(),
        parts.problem.initial_weights(),
        schedule=parts.schedule(hosts[1:]),
        plan=parts.plan,
        share=parts.share or (1.0,) * parts.plan.learners,
        steps=parts.most_steps,
        patience=patience,
        checkpoints=EveryEpochs(config.checkpoint_every),
        resumed=resumed,
        slowing=slowing,
    ).run()


def _load(comm: MPI.Intracomm, config: Config, parts: Parts | None) -> tuple[Parts | None, str]:
    """The parts of this rank. One rank of each node fills the node's cache before the others of the node read it."""
    from mpi4py import MPI

    barrier(comm)  # asleep, until the last rank has imported what it needs: Split_type spins
    node = comm.Split_type(MPI.COMM_TYPE_SHARED, key=comm.Get_rank())
    error = ""
    if node.Get_rank() == 0 and parts is None:
        parts, error = _try_build(config)
    barrier(node, comm)
    error = node.bcast(error, root=0)
    if parts is None and not error:
        parts, error = _try_build(config)
    return parts, error


def _try_build(config: Config) -> tuple[Parts | None, str]:
    """The parts, or a mistake as text. Rank 0 alone downloads, and it has been here before."""
    assert config.learners is not None
    try:
        return build(replace(config, download=False), config.learners, _hush), ""
    except UserError as mistake:
        return None, str(mistake)


def _hush(text: str) -> None:
    """Other nodes convert their copy silently: rank 0 has said it."""
    del text
