"""What rank 0 is in any run: loops over a conductor, from wherever it stands, until the end or a request to stop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from gsgm_mpi.engines.conductor import Conductor, HandOut
from gsgm_mpi.learners import Vector
from gsgm_mpi.state import below


class Engine:
    """What a run is asked for.

    Args:
        conductor: decides.
        stop_requested: whether the run is to end early.
    """

    def __init__(self, conductor: Conductor, stop_requested: Callable[[], bool]) -> None:
        self._conductor = conductor
        self._stop_requested = stop_requested
        #: The run was ended early: on request, or where the recorded one was.
        self.stopped = False

    @property
    def update(self) -> int:
        """Gradients used or dropped so far."""
        return self._conductor.update

    @property
    def epochs(self) -> int:
        """Epochs complete so far."""
        return self._conductor.epochs

    @property
    def diverged(self) -> bool:
        """Some loss or gradient was not finite."""
        return self._conductor.diverged

    def _stopping(self) -> bool:
        """Whether the run is to end early."""
        self.stopped = self.stopped or self._stop_requested()
        return self.stopped


class LoopEngine(Engine, ABC):
    """Goes through the loops of a plan, each begun by a full-gradient phase where variance is reduced.

    Args:
        conductor, stop_requested: see :class:`Engine`.
        variance_reduced: whether each loop begins with a full-gradient phase.
    """

    def __init__(self, conductor: Conductor, stop_requested: Callable[[], bool], *, variance_reduced: bool) -> None:
        super().__init__(conductor, stop_requested)
        self._variance_reduced = variance_reduced
        #: The loop that the conductor is at has begun.
        self._begun = False
        #: w̃ of this loop, where there is one.
        self._snapshot: Vector = np.empty(0, dtype=np.float32)
        #: Of the last event. A loop begins with it, and not with a time of its own, so that a replay knows it too.
        self._now_s = 0.0

    def run(self) -> None:
        """From wherever the run stands to the end of the plan, a request to stop, or divergence."""
        for loop in range(self._conductor.loop, self._conductor.plan.loops):
            if not self._begun and not self._begin(loop):
                break
            if not self._train() or self.diverged:
                break
            self._begun = False
            self._conductor.end_loop()

    def _begin(self, loop: int) -> bool:
        """The full-gradient phase and the first hand-outs; whether the run goes on."""
        if self._stopping():
            return False
        if self._variance_reduced:
            self._snapshot = self._conductor.method.w.copy()
            if not self._full_gradient():
                self.stopped = True
                return False
        self._begun = True
        self._send(self._conductor.begin_loop(loop, self._now_s))
        return True

    @abstractmethod
    def _full_gradient(self) -> bool:
        """The phase at the snapshot, and its record; whether the run goes on."""

    @abstractmethod
    def _train(self) -> bool:
        """The loop itself; whether it came to its end."""

    @abstractmethod
    def _send(self, hand_outs: Iterable[HandOut]) -> None:
        """Sees to it that the work is done."""

    @abstractmethod
    def _memories_now(self) -> Mapping[int, Mapping[str, Vector]]:
        """What each learner's rule remembers after its last message."""

    def state(self) -> dict[str, Any]:
        """Where the run stands, conductor and learners' memories included: arrays and numbers."""
        own = {"begun": self._begun, "snapshot": self._snapshot, "now_s": self._now_s}
        conductor = {f"conductor.{name}": x for name, x in self._conductor.state().items()}
        memories = self._memories_now().items()
        return own | conductor | {f"memory.{k}.{name}": x for k, memory in memories for name, x in memory.items()}

    def _take_up(self, state: Mapping[str, Any]) -> dict[int, dict[str, Vector]]:
        """Takes up all of a state but what is on its way; returns what learners' rules remember."""
        self._begun, self._snapshot, self._now_s = bool(state["begun"]), state["snapshot"], float(state["now_s"])
        self._conductor.restore(below("conductor.", state))
        return {k: below(f"memory.{k}.", state) for k in self._conductor.method.learners}
