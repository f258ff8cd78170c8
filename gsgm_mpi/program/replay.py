"""``--replay``: recomputes a recorded run in its own order, and proves that it is the same or names what differs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gsgm_mpi import data
from gsgm_mpi.engines.clock import ImpossibleOrderError, Kind
from gsgm_mpi.engines.committer import Committer
from gsgm_mpi.engines.conductor import Observer, UpdateRow
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.recorded_order import Event, RecordedOrder
from gsgm_mpi.learners import Vector
from gsgm_mpi.program.engines import committer, conductor
from gsgm_mpi.program.launch import FAILED, FINISHED, STOPPED, Interrupt
from gsgm_mpi.program.parts import Parts
from gsgm_mpi.program.proof import DifferenceError, Proof
from gsgm_mpi.program.provenance import provenance
from gsgm_mpi.program.record import open_record
from gsgm_mpi.program.wall import complain, say
from gsgm_mpi.results.reader import RecordedRun
from gsgm_mpi.results.recorder import as_stored

if TYPE_CHECKING:
    from mpi4py import MPI


class _ReachedError(Exception):
    """The next update is one more than was asked for."""


class _Until:
    """Ends the run before the update after ``last``: between the two, w is what it was after ``last``."""

    def __init__(self, observer: Observer, last: int) -> None:
        self._observer = observer
        self._last = last

    def on_update(self, row: UpdateRow) -> None:
        if row.update > self._last:
            raise _ReachedError
        self._observer.on_update(row)

    def on_epoch(self, epoch: int, update: int, w: Vector) -> None:
        self._observer.on_epoch(epoch, update, w)


def replay(
    comm: MPI.Intracomm,
    parts: Parts,
    hosts: list[str],
    interrupt: Interrupt,
    patience: Patience,
    *,
    recorded: RecordedRun,
    until: int | None,
    writes: bool,
) -> int:
    """Rank 0's part: 0 where the run is the same, 1 where it differs, 85 where it was stopped.

    Args:
        comm: all ranks; the others compute.
        parts: of the run.
        hosts: of the ranks.
        interrupt: tells of a request to stop.
        patience: how to wait.
        recorded: what is to be proved.
        until: update to stop at; None: at the end.
        writes: whether ``--output`` is written.
    """
    interrupt.raises = False
    if until is not None and until >= len(recorded.updates["update"]):
        until = None  # all of it, and what came after the last update
    for line in _describe(recorded, parts, hosts):
        say(line)
    method = parts.method(recorded.hosts)
    plan, began = parts.plan, time.perf_counter()
    last = plan.updates if until is None else until
    total = min(last, len(recorded.updates["update"]))
    recorder, progress, journal = open_record(
        parts,
        method,
        Path(parts.config.output).resolve() if writes else None,
        ranks=hosts,
        learners=recorded.hosts,
        updates=total,
        elapsed=lambda: time.perf_counter() - began,
        more={"replayed": recorded.provenance["start"]},
    )
    proof = Proof(recorded, recorder)
    books = conductor(parts, method, _Until(journal, last))
    events = _events(recorded)
    order = RecordedOrder(events, parts.config.server_time)
    engine, pool = committer(
        comm,
        parts,
        recorded.hosts,
        books,
        order,
        journal,
        stop_requested=lambda: interrupt.requested or (until is not None and len(recorder.updates) >= until),
        after_event=proof.check,
        patience=patience,
    )
    # Where learners average among themselves, a file that was not completed has weights of an earlier epoch.
    known = not (method.collective and parts.config.clock == "wall" and proof.cut)
    code = FINISHED
    try:
        _check_data(recorded, parts)
        _check_events(events, recorded.learners)
        _run(engine, proof)
        journal.settle()
        proof.check()
        if interrupt.requested:
            code, verdict = STOPPED, f"stopped after update {len(recorder.updates):,}; up to there it is the same"
        else:
            verdict = proof.conclude(method.w if known else None, whole=until is None)
    except DifferenceError as difference:
        code, verdict = FAILED, str(difference)
    pool.close()
    progress.last(len(recorder.updates), "ended")
    if code == FAILED:
        complain(f"--replay: {verdict}")
    else:
        say(f"replay: {verdict}")
    journal.finish(recorded.status if code == FINISHED and until is None else "stopped")
    if code == FINISHED and until is not None:
        scores = parts.problem.evaluate(method.w)
        say(f"after update {len(recorder.updates):,}: accuracy {scores.accuracy:.4f}  loss {scores.loss:.4f}")
    if writes:
        say(f"results: {parts.config.output}")
    return code


def _run(engine: Committer, proof: Proof) -> None:
    try:
        engine.run()
    except _ReachedError:
        pass
    except ImpossibleOrderError as error:
        raise proof.impossible(str(error)) from error


def _events(recorded: RecordedRun) -> list[Event]:
    columns: Sequence[Any] = [recorded.trace[name].tolist() for name in Event._fields]
    return [Event(*row) for row in zip(*columns, strict=True)]


def _check_events(events: Sequence[Event], learners: int) -> None:
    for index, event in enumerate(events):
        known = event.event in list(Kind)
        of_nobody = event.event in (Kind.STOP, Kind.FULL_GRADIENT)
        if not known or (event.learner not in range(1, learners + 1) and not of_nobody):
            raise DifferenceError(
                f"event {index} of /trace is none that a run writes: code {event.event}, learner {event.learner}"
            )
        if event.event == Kind.STOP and index < len(events) - 1:
            raise DifferenceError(f"event {index} of /trace is a stop, but the run went on")


def _check_data(recorded: RecordedRun, parts: Parts) -> None:
    now = {"data_hash": parts.problem.data_hash, "partition_hash": data.partition_hash(parts.shards)}
    if any(recorded.provenance.get(name) != value for name, value in now.items()):
        raise DifferenceError("the data set or its partition is not the recorded one; check --data-dir")
    if len(recorded.weights) != parts.problem.d:
        raise DifferenceError(f"the model has {parts.problem.d} weights, the recorded one {len(recorded.weights)}")


def _describe(recorded: RecordedRun, parts: Parts, hosts: list[str]) -> list[str]:
    config, then = parts.config, recorded.provenance
    on = "in place" if len(hosts) == 1 else f"by {len(hosts) - 1} of {len(hosts)} ranks"
    lines = [
        f"recorded {then['start']}, {then['clock']} clock, {recorded.learners} learners, status {recorded.status}: "
        f"{len(recorded.trace['event']):,} events, {len(recorded.updates['update']):,} updates; computed {on}"
    ]
    now = provenance(parts, hosts)
    for name in ("versions", "cpu_capability", "platform", "memory_format"):
        was, is_ = then[name], as_stored(now[name])
        if was != is_:
            lines.append(f"note: {name} then: {was}; now: {is_}: the bits may differ")
    if config.device != "cpu":
        lines.append("note: bits are only promised on the CPU")
    if as_stored(now["sources"]) != then["sources"]:
        lines.append("note: a file of your own that the run used has changed since")
    return lines
