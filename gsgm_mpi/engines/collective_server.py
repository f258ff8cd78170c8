"""Rank 0 while the learners average among themselves: listens, records, and passes on a request to stop.

What is recorded is what the method's state machine (gsgm_mpi/methods/averaging.py) answers to the learners' reports,
round by round and in order of the learners. It is fed empty vectors: the averages themselves are the learners' affair,
and where one is needed, to be evaluated or saved, learner 1 sends it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from mpi4py import MPI

from gsgm_mpi.engines.clock import Happening, Kind
from gsgm_mpi.engines.collective_learner import split
from gsgm_mpi.engines.conductor import Conductor, Observer, Report, UpdateRow
from gsgm_mpi.engines.engine import Engine
from gsgm_mpi.engines.failures import raise_failure
from gsgm_mpi.engines.hooks import Journal, Saver
from gsgm_mpi.engines.packing import pack
from gsgm_mpi.engines.parcels import poll
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.traffic import Traffic
from gsgm_mpi.engines.wire import Header, Order, Tag
from gsgm_mpi.learners import Vector
from gsgm_mpi.methods import Method
from gsgm_mpi.methods.averaging import Schedule
from gsgm_mpi.state import below

_EMPTY = np.empty(0, dtype=np.float32)


class CollectiveServer(Engine):
    """Rank 0; told by the conductor of updates and epochs, which it passes on.

    Args:
        comm: ranks 1..K are the learners.
        method: its w is set to each mean that comes.
        books: makes the conductor of the state machine on empty vectors, given its observer.
        observer: is told of updates and epochs.
        journal: records.
        saver: of checkpoints.
        schedule: who averages with whom, and when.
        traffic: bytes of vectors.
        steps: gradients of a round.
        stop_requested: whether the run is to end early.
        elapsed: seconds since the run began.
        patience: how to wait.
    """

    def __init__(
        self,
        comm: MPI.Intracomm,
        method: Method,
        books: Callable[[Observer], Conductor],
        observer: Observer,
        journal: Journal,
        saver: Saver,
        *,
        schedule: Schedule,
        traffic: Traffic,
        steps: int,
        stop_requested: Callable[[], bool],
        elapsed: Callable[[], float],
        patience: Patience,
    ) -> None:
        super().__init__(books(self), stop_requested)
        self._comm = comm
        self._method = method
        self._observer = observer
        self._journal = journal
        self._saver = saver
        self._schedule = schedule
        self._traffic = traffic
        self._steps = steps
        self._elapsed = elapsed
        self._patience = patience
        self._learners = range(1, comm.Get_size())
        self._reports: dict[int, deque[tuple[Header, float]]] = {k: deque() for k in self._learners}
        self._means: deque[Vector] = deque()
        self._sent_memories: dict[int, deque[dict[str, Vector]]] = {k: deque() for k in self._learners}
        self._memories: dict[int, dict[str, Vector]] = {}
        #: Epochs that are complete and wait for the mean of their weights.
        self._epochs: list[tuple[int, int]] = []
        self._saves = False
        self._round = 0
        self._now = 0.0
        self._ended = 0
        #: The mean of the weights that the learners ended with is here.
        self._final = False
        self._told = False
        split(comm, schedule)

    def on_update(self, row: UpdateRow) -> None:
        """A gradient was used."""
        self._observer.on_update(row)

    def on_epoch(self, epoch: int, update: int, w: Vector) -> None:
        """An epoch is complete."""
        del w  # empty
        self._epochs.append((epoch, update))

    def run(self) -> None:
        """Listens until the last learner has ended and all it has sent is recorded."""
        if not self._conductor.outstanding():
            list(self._conductor.begin_loop(0, self._now))
        self._patience.reset()
        while not self._final:
            if self._stopping():
                self._tell_to_stop()
            heard = self._listen()
            if heard:
                self._patience.reset()
                self._advance()
            else:
                raise_failure(self._comm)
            if not self._journal.tick() and not heard:
                self._patience.pause()
        self._tell_to_stop()  # at the latest now: learner 1 waits for it

    def _tell_to_stop(self) -> None:
        if self._told:
            return
        self._told = True
        self._comm.Send(np.array([Order.STOP, 0, 0, 0], dtype=np.float64), dest=1, tag=Tag.ORDER)

    def _listen(self) -> bool:
        """Receives what has come, if anything."""
        status = MPI.Status()
        message = self._comm.Improbe(source=MPI.ANY_SOURCE, tag=Tag.REPORT, status=status)
        if message is not None:
            header = Header(self._steps)
            message.Recv(header.buffer)
            if header.losses:
                self._reports[status.Get_source()].append((header, self._elapsed()))
            else:
                self._ended += 1
            return True
        message = self._comm.Improbe(source=1, tag=Tag.MEAN, status=status)
        if message is not None:
            w = np.empty_like(self._method.w)
            message.Recv(w)
            self._means.append(w)
            return True
        parcel = poll(self._comm, MPI.ANY_SOURCE, Tag.MEMORY)
        if parcel is not None:
            k, _, memory = parcel
            self._sent_memories[k].append(memory)
            return True
        return False

    def _advance(self) -> None:
        """Records every round that is complete; after one whose mean is needed, only once that is here."""
        while True:
            if self._epochs or self._saves:
                if not self._means or (self._saves and not all(self._sent_memories.values())):
                    return
                self._method.w = self._means.popleft()
                for epoch, update in self._epochs:
                    self._observer.on_epoch(epoch, update, self._method.w)
                self._epochs = []
                if self._saves:
                    self._take_memories()
                    self._saver.save()
                    self._saves = False
            elif all(self._reports.values()):
                self._record_round()
            else:
                # The last mean, and the last memories, are those that the learners end with.
                all_ended = self._ended == len(self._learners)
                if all_ended and self._means and all(self._sent_memories.values()):
                    self._method.w = self._means.popleft()
                    self._take_memories()
                    self._final = True
                return

    def _take_memories(self) -> None:
        self._memories = {k: queue.popleft() for k, queue in self._sent_memories.items()}

    def _record_round(self) -> None:
        for k in self._learners:
            header, arrival_s = self._reports[k].popleft()
            expected = self._conductor.expected(k)
            assert expected is not None, "learners end the round in which the state machine stops them"
            self._now = max(self._now, arrival_s)
            self._journal.on_sent(self._traffic.up(k, expected.step))
            happening = Happening(Kind.MESSAGE, k, header.compute_s, header.wait_s, arrival_s, now_s=self._now)
            self._journal.on_event(happening, header.fingerprint, expected)
            report = Report(header.losses, header.grad_norms, header.compute_s, arrival_s)
            # What is handed out next the learners know themselves.
            list(self._conductor.message(k, _EMPTY, report, self._now))
        self._round += 1
        at_global = self._schedule.is_global(self._round)
        self._saves = at_global and not self._conductor.loop_done and self._saver.due(self._conductor.epochs)

    def state(self) -> dict[str, Any]:
        """Where the run stands after a global average: arrays and numbers."""
        books = {f"books.{name}": x for name, x in self._conductor.state().items()}
        memories = {f"memory.{k}.{name}": x for k, memory in self._memories.items() for name, x in memory.items()}
        own = {"w": self._method.w, "round": self._round, "now": self._now, "epochs": self._conductor.epochs}
        return own | books | memories

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state that :meth:`state` gave, and sends all learners theirs."""
        self._method.w = state["w"]
        self._round, self._now = int(state["round"]), float(state["now"])
        self._conductor.restore(below("books.", state))
        for k in self._learners:
            expected = self._conductor.expected(k)
            assert expected is not None
            header = {"step": expected.step, "epochs": int(state["epochs"])}
            self._comm.Send(pack(header, {**below(f"memory.{k}.", state), "": self._method.w}), dest=k, tag=Tag.MEMORY)
