"""Who computes the hand-outs under virtual time and replay: this rank itself, or all the others in any order.

A learner's hand-outs are computed one after the other, because its rule's memory goes from each to the next. What a
learner remembers becomes the pool's own only once its message is taken: work that is lost leaves no trace.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
from mpi4py import MPI

from gsgm_mpi.engines.conductor import HandOut
from gsgm_mpi.engines.failures import raise_failure
from gsgm_mpi.engines.packing import pack
from gsgm_mpi.engines.parcels import poll, receive
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.wire import Tag
from gsgm_mpi.engines.workbench import Memory, Workbench
from gsgm_mpi.learners import Vector

#: Hand-outs that a rank has at a time: one that it computes, one that waits, so that it never does.
_AHEAD = 2


class Result(NamedTuple):
    """A hand-out worked off."""

    step: int
    vector: Vector
    losses: tuple[float, ...]
    grad_norms: tuple[float, ...]


class Pool(ABC):
    """Contract, and what both kinds share.

    Args:
        learners: K.
    """

    def __init__(self, learners: int) -> None:
        #: What each learner's rule remembers after its last message that was taken.
        self.memories: dict[int, Memory] = {k: {} for k in range(1, learners + 1)}

    @abstractmethod
    def submit(self, hand_out: HandOut, wanted: float) -> None:
        """Work to be done, the sooner the smaller ``wanted`` is."""

    @abstractmethod
    def take(self, k: int) -> Result:
        """The result of learner k's oldest hand-out."""

    @abstractmethod
    def lose(self, k: int) -> None:
        """All of learner k's hand-outs are lost."""

    @abstractmethod
    def begin_outer_loop(self, snapshot: Vector) -> Vector:
        """All ranks go through the full-gradient phase; returns μ. Nothing may be on its way."""

    @abstractmethod
    def close(self) -> None:
        """Ends the other ranks' part."""


class InPlace(Pool):
    """Computes at the moment the result is wanted."""

    def __init__(self, bench: Workbench, learners: int) -> None:
        super().__init__(learners)
        self._bench = bench
        self._queues: dict[int, deque[HandOut]] = {k: deque() for k in self.memories}

    def submit(self, hand_out: HandOut, wanted: float) -> None:
        del wanted
        self._queues[hand_out.k].append(hand_out)

    def take(self, k: int) -> Result:
        h = self._queues[k].popleft()
        done, self.memories[k] = self._bench.work(k, h.step, h.n, h.lr, h.weights, self.memories[k])
        return Result(h.step, done.vector, tuple(done.losses), tuple(done.grad_norms))

    def lose(self, k: int) -> None:
        self._queues[k].clear()

    def begin_outer_loop(self, snapshot: Vector) -> Vector:
        return self._bench.begin_outer_loop(snapshot)

    def close(self) -> None:
        """There are no other ranks."""


@dataclass(eq=False)
class _Job:
    hand_out: HandOut
    wanted: float
    lost: bool = False
    result: Result | None = None
    memory: Memory = field(default_factory=dict)


class OverRanks(Pool):
    """Ranks 1, 2, ... compute; rank 0 deals out what is wanted soonest.

    Args:
        comm: all ranks.
        bench: rank 0's, for its part in the full-gradient phase.
        learners: K.
        idle: called while waiting; says whether it did anything.
        patience: how to wait.
    """

    def __init__(
        self, comm: MPI.Intracomm, bench: Workbench, learners: int, idle: Callable[[], bool], patience: Patience
    ) -> None:
        super().__init__(learners)
        self._comm = comm
        self._bench = bench
        self._idle = idle
        self._patience = patience
        self._queues: dict[int, deque[_Job]] = {k: deque() for k in self.memories}
        self._ready: list[tuple[float, int, _Job]] = []
        self._jobs: dict[int, _Job] = {}
        self._at_work = dict.fromkeys(range(1, comm.Get_size()), 0)
        self._sends: deque[tuple[MPI.Request, np.ndarray]] = deque()

    def submit(self, hand_out: HandOut, wanted: float) -> None:
        job = _Job(hand_out, wanted)
        queue = self._queues[hand_out.k]
        queue.append(job)
        self._jobs[hand_out.number] = job
        before = queue[-2] if len(queue) > 1 else None
        if before is None:
            self._make_ready(job, self.memories[hand_out.k])
        elif before.result is not None:
            self._make_ready(job, before.memory)

    def take(self, k: int) -> Result:
        job = self._queues[k][0]
        self._patience.reset()
        while job.result is None:
            moved = self._collect()
            self._deal()
            if moved:
                self._patience.reset()
            elif not self._idle():
                raise_failure(self._comm)
                self._patience.pause()
        self._queues[k].popleft()
        self.memories[k] = job.memory
        return job.result

    def lose(self, k: int) -> None:
        for job in self._queues[k]:
            job.lost = True
            self._jobs.pop(job.hand_out.number, None)
        self._queues[k].clear()

    def begin_outer_loop(self, snapshot: Vector) -> Vector:
        for rank in self._at_work:
            self._send(rank, pack({"do": "full gradient"}, {}))
        return self._bench.begin_outer_loop(snapshot, self._idle)

    def close(self) -> None:
        for k in self._queues:
            self.lose(k)
        self._ready.clear()
        for rank in self._at_work:
            self._send(rank, pack({"do": "stop"}, {}))
        # What has been dealt out and is not wanted any more still comes.
        while any(self._at_work.values()):
            if not self._collect():
                raise_failure(self._comm)
                self._patience.pause()
        MPI.Request.Waitall([request for request, _ in self._sends])

    def _make_ready(self, job: _Job, memory: Memory) -> None:
        job.memory = memory
        heappush(self._ready, (job.wanted, job.hand_out.number, job))
        self._deal()

    def _deal(self) -> None:
        while self._ready:
            rank = min(self._at_work, key=self._at_work.__getitem__)
            if self._at_work[rank] == _AHEAD:
                return
            job = heappop(self._ready)[2]
            if job.lost:
                continue
            h = job.hand_out
            header = {"do": "work", "number": h.number, "k": h.k, "step": h.step, "n": h.n, "lr": h.lr}
            self._send(rank, pack(header, {**job.memory, "": h.weights}))
            self._at_work[rank] += 1

    def _send(self, rank: int, buffer: np.ndarray) -> None:
        self._sends.append((self._comm.Isend(buffer, dest=rank, tag=Tag.TASK), buffer))
        while self._sends and self._sends[0][0].Test():
            self._sends.popleft()

    def _collect(self) -> bool:
        """Receives a result, if one has come."""
        parcel = poll(self._comm, MPI.ANY_SOURCE, Tag.RESULT)
        if parcel is None:
            return False
        rank, header, vectors = parcel
        self._at_work[rank] -= 1
        job = self._jobs.pop(header["number"], None)
        if job is None:
            return True  # lost meanwhile
        vector = vectors.pop("")
        job.result = Result(job.hand_out.step, vector, tuple(header["losses"]), tuple(header["grad_norms"]))
        job.memory = vectors
        queue = self._queues[job.hand_out.k]
        following = queue.index(job) + 1
        if following < len(queue):
            self._make_ready(queue[following], job.memory)
        return True


def compute_for_all(comm: MPI.Intracomm, bench: Workbench, d: int, patience: Patience) -> None:
    """The part of a rank of :class:`OverRanks` other than 0: computes what it is dealt until it is told to stop."""
    sends: deque[tuple[MPI.Request, np.ndarray]] = deque()
    while True:
        task, memory = receive(comm, 0, Tag.TASK, patience)
        if task["do"] == "stop":
            break
        if task["do"] == "full gradient":
            bench.begin_outer_loop(np.empty(d, dtype=np.float32))
            continue
        done, memory = bench.work(task["k"], task["step"], task["n"], task["lr"], memory.pop(""), memory)
        header = {"number": task["number"], "losses": done.losses, "grad_norms": done.grad_norms}
        result = pack(header, {**memory, "": done.vector})
        sends.append((comm.Isend(result, dest=0, tag=Tag.RESULT), result))
        while sends and sends[0][0].Test():
            sends.popleft()
    for request, _ in sends:
        patience.until(request.Test)
