"""Runs in virtual time on a toy problem: the real committer, in place or over ranks; no torch."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from mpi4py import MPI

from gsgm_mpi.durations import Durations, Measured, Modelled, Recorded, parse_factors
from gsgm_mpi.engines.clock import Clock
from gsgm_mpi.engines.committer import Committer
from gsgm_mpi.engines.conductor import Conductor
from gsgm_mpi.engines.pool import InPlace, Pool
from gsgm_mpi.engines.recorded_order import Event, RecordedOrder
from gsgm_mpi.engines.traffic import Traffic
from gsgm_mpi.engines.virtual_clock import VirtualClock
from gsgm_mpi.engines.workbench import Workbench
from gsgm_mpi.network import Link, Outage
from gsgm_mpi.plan import Plan
from gsgm_mpi.state import below
from tests.methods.drive import Case
from tests.simulate import Record

D = 3
INSTANT = Link()
#: Seconds that recorded durations consist of: coarse, so that there are ties, and of different lengths.
RECORDED = ((0.25, 1.0), (0.5,), (1.0, 0.25, 0.5), (0.75,), (0.25, 0.25, 2.0), (1.5, 0.5))


class Quadratics:
    """f_k(w) = ½ Σ_j a_kj (w_j − b_kj)², with noise in each gradient that is a function of (k, i)."""

    def __init__(self, batches: Sequence[int], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self._batches = tuple(batches)
        self._a = rng.uniform(0.5, 1.0, (len(batches), D)).astype(np.float32)
        self._b = rng.normal(size=(len(batches), D)).astype(np.float32)
        self._noise = (rng.normal(size=(61, D)) * 0.3).astype(np.float32)

    def gradient(self, w, k, i):
        x = w - self._b[k - 1]
        return self._a[k - 1] * x + self._noise[(17 * k + i) % 61], float(np.dot(x, x))

    def full_gradient(self, w, k):
        own = [self._noise[(17 * k + i) % 61] for i in range(self._batches[k - 1])]
        return (self._a[k - 1] * (w - self._b[k - 1]) + np.mean(own, axis=0)).astype(np.float64)

    def batches(self, k):
        return self._batches[k - 1]


@dataclass(frozen=True)
class Setting:
    """One run in all its parts; what is made of it twice is twice the same."""

    case: Case
    plan: Plan
    durations: str = "constant"
    speeds: str = ""
    slow: str = ""
    link: Link = INSTANT
    outages: tuple[Outage, ...] = ()
    seed: int = 1
    variance_reduced: bool = False
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def learners(self) -> int:
        return self.plan.learners

    def method(self):
        return self.case.build(self.learners, **dict(self.options))

    def rule(self):
        options = self.case.options(self.learners, **dict(self.options))
        return self.case.method.build_rule(options, self.learners)

    def steps(self, k: int) -> int:
        # As Parts.steps_of has it.
        most = self.plan.loop_budget(0) // self.learners if self.plan.even else self.plan.updates
        return min(self.rule().steps(self.plan.batches[k - 1]), most)

    def model(self) -> Durations:
        factors = parse_factors(self.speeds, self.slow, self.learners, self.seed)
        if self.durations == "recorded":
            seconds = dict(enumerate(RECORDED[: self.learners], start=1))
            ways = {k: [each[0] / 2 for _ in each] for k, each in seconds.items()}
            return Recorded(Measured(seconds, ways, (1.0, 2.5) if self.seed % 2 else ()), factors)
        return Modelled(self.durations, factors, mean_s=1.0, seed=self.seed)

    def traffic(self, method) -> Traffic:
        if not method.collective:
            return Traffic(D)
        return Traffic(D, method.schedule, max(map(self.steps, method.learners)))

    def clock(self) -> VirtualClock:
        return VirtualClock(self.model(), self.link, self.outages, self.traffic(self.method()), self.plan.batches)

    def bench(self, comm: MPI.Intracomm) -> Workbench:
        return Workbench(comm, Quadratics(self.plan.batches), self.rule(), self.learners)


@dataclass
class Log(Record):
    """Observer and journal: rows, events of the trace, weights after each epoch, bytes."""

    events: list[Event] = field(default_factory=list)
    #: When the work of each of them was handed out.
    sent_s: list[float] = field(default_factory=list)
    sent: int = 0

    def on_event(self, happening, fingerprint=0, expected=None):
        kind, k, seconds, wait_s, arrival_s, now_s = happening
        step, sent_s = (0, now_s) if expected is None else expected
        self.sent_s.append(sent_s)
        self.events.append(Event(int(kind), k, step, seconds, wait_s, arrival_s, fingerprint))

    def on_sent(self, payload_bytes):
        self.sent += payload_bytes

    def tick(self):
        return False


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind, comparable to the last bit."""

    rows: tuple
    events: tuple[Event, ...]
    sent_s: tuple[float, ...]
    epochs: tuple[tuple[int, int, bytes], ...]
    w: bytes
    version: int
    sent: int

    def before(self, later: Outcome) -> Outcome:
        """This one, and then one that went on from its end."""
        return replace(
            later,
            rows=self.rows + later.rows,
            events=self.events + later.events,
            sent_s=self.sent_s + later.sent_s,
            epochs=self.epochs + later.epochs,
            sent=self.sent + later.sent,
        )


class Engine:
    """Everything that a run consists of, newly made.

    ``stop_at``: the run is asked to end when it has been asked so often whether to.
    """

    def __init__(
        self,
        setting: Setting,
        *,
        clock: Clock | None = None,
        pool: Callable[[Workbench, int], Pool] = InPlace,
        comm: MPI.Intracomm = MPI.COMM_SELF,
        stop_at: int | None = None,
        after_event: Callable[[Engine], None] = lambda engine: None,
    ) -> None:
        self.setting = setting
        self.log = Log()
        self.method = setting.method()
        self.clock = clock or setting.clock()
        self.conductor = Conductor(self.method, setting.plan, setting.steps, self.log)
        self.pool = pool(setting.bench(comm), setting.learners)
        self._asked = 0
        self._stop_at = stop_at
        self.committer = Committer(
            self.conductor,
            self.clock,
            self.pool,
            self.log,
            setting.traffic(self.method),
            variance_reduced=setting.variance_reduced,
            stop_requested=self._stop_requested,
            after_event=lambda: after_event(self),
        )

    def _stop_requested(self) -> bool:
        self._asked += 1
        return self._stop_at is not None and self._asked >= self._stop_at

    def run(self) -> Outcome:
        self.committer.run()
        return self.outcome()

    def outcome(self) -> Outcome:
        log = self.log
        epochs = tuple((epoch, update, w.tobytes()) for epoch, update, w in log.epochs)
        rows = tuple(tuple(map(_exact, row)) for row in log.rows)
        return Outcome(
            rows, tuple(log.events), tuple(log.sent_s), epochs, self.method.w.tobytes(), self.method.version, log.sent
        )

    def checkpoint(self) -> dict[str, Any]:
        """The state as it comes out of a file."""
        parts = {"clock": self.clock, "engine": self.committer}
        state = {f"{part}.{name}": x for part, owner in parts.items() for name, x in owner.state().items()}
        file = io.BytesIO()
        np.savez(file, **state)
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def restore(self, state: dict[str, Any]) -> None:
        self.clock.restore(below("clock.", state))
        self.committer.restore(below("engine.", state))


def replayed(setting: Setting, events: Sequence[Event], **more: Any) -> Engine:
    """The engine that is to follow a recorded order."""
    return Engine(setting, clock=RecordedOrder(events, setting.link.server_s), **more)


def _exact(x: Any) -> Any:
    assert type(x) in (int, bool, float), f"a row holds Python's numbers, not {type(x).__name__}"
    return x.hex() if isinstance(x, float) else x
