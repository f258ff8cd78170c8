"""Drives a method for any engine: who is given work, what each learner holds, what is recorded.

Pure bookkeeping over the contract of gsgm_mpi/methods/base.py: no MPI, no clock, no files. An engine moves the vectors
and passes the time in; the conductor answers with hand-outs, in the order in which they are to be sent.

1. Only the conductor stops learners. A ``Reply`` becomes work while the budget lasts; after that the learner is
   refused, and leaves once it has nothing in flight and nothing of it waits to be used.
2. At ``Use`` the learning rate is set and the row written; an epoch that this completes is reported at the next event.
3. At ``Reply`` the weights are taken before the iterator goes on. What each learner was sent is kept until its message
   has been used: for the gap, and to send it again. Learners that were sent the same version share one copy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from gsgm_mpi.engines.ledger import Ledger, Report, Work
from gsgm_mpi.learners import Vector
from gsgm_mpi.methods import About, Drop, Event, Method, Reply, Use
from gsgm_mpi.plan import Budget, Plan, make_budget
from gsgm_mpi.state import below

__all__ = ["Conductor", "HandOut", "Observer", "Report", "UpdateRow"]


class HandOut(NamedTuple):
    """Work for learner k: n gradients from its step ``step`` on.

    Not ``fresh``: at the weights that it has already. ``number`` counts the hand-outs of the run.
    """

    k: int
    step: int
    n: int
    lr: float
    weights: Vector
    fresh: bool
    number: int


class Expected(NamedTuple):
    """What is known of a message before it comes."""

    #: The learner's own step number of its first gradient.
    step: int
    #: When the work was handed out.
    sent_s: float


class UpdateRow(NamedTuple):
    """One row of ``/updates``."""

    update: int
    learner: int
    step: int
    version: int
    staleness: int
    gap: float
    grad_norm: float
    loss: float
    lr: float
    queued_s: float
    compute_s: float
    arrival_s: float
    applied: bool


class Observer(Protocol):
    """Who is told what happened."""

    def on_update(self, row: UpdateRow) -> None:
        """A gradient was used or dropped."""

    def on_epoch(self, epoch: int, update: int, w: Vector) -> None:
        """An epoch is complete; ``w`` is valid only during the call."""


class Conductor:
    """The bookkeeping of one run.

    Args:
        method: the server's side.
        plan: length and rates of the run.
        steps: gradients that one hand-out to learner k asks for.
        observer: is told of updates and epochs.
    """

    def __init__(self, method: Method, plan: Plan, steps: Callable[[int], int], observer: Observer) -> None:
        self.method = method
        self.plan = plan
        #: Gradients used or dropped so far.
        self.update = 0
        #: Epochs reported so far.
        self.epochs = 0
        #: Some gradient or loss was not finite.
        self.diverged = False
        #: The loop, from 0, that runs or is to run next.
        self.loop = 0
        self._steps = steps
        self._observer = observer
        self._budget = make_budget(plan, 0)
        self._ledger = Ledger(method.learners)
        self._present: set[int] = set()
        self._away: set[int] = set()
        self._refused: dict[int, None] = {}  # an ordered set
        self._shared: tuple[int, Vector] | None = None
        self._now = 0.0

    @property
    def in_flight(self) -> int:
        """Hand-outs whose message has not come."""
        return self._ledger.in_flight

    @property
    def loop_done(self) -> bool:
        """Every learner of this loop has left, and none that is away has work left to do."""
        return not self._present and not any(self._budget.left(k) for k in self._away)

    def begin_loop(self, loop: int, now: float) -> Iterator[HandOut]:
        """Starts all learners at ``now`` seconds; the iterator must be run to its end, as that of :meth:`message`."""
        assert self.loop_done
        assert not self.in_flight
        self.loop = loop
        self._now = now
        self._budget = make_budget(self.plan, loop)
        self._present = set(self.method.learners)
        self._away = set()
        yield from self._run(self.method.start())

    def _level(self) -> None:
        """Where all are to take as many steps, what one misses is done by all: alone it would end on its own data."""
        if self.plan.even and self._present:
            self._budget.level(self._present)

    def end_loop(self) -> None:
        """The next loop is the one to begin, if there is one."""
        assert self.loop_done
        self.loop += 1

    def message(self, k: int, g: Vector, report: Report, now: float) -> Iterator[HandOut]:
        """Learner k's oldest hand-out has come back as ``g``, shape (d,), at ``now`` seconds."""
        self._now = now
        work = self._ledger.arrive(k, report)
        yield from self._run(self.method.on_gradient(k, g, About(work.n, report.compute_s)))

    def leave(self, k: int, now: float) -> Iterator[HandOut]:
        """Learner k is away from now on: what it has on its way is lost and returns to the budget."""
        assert k not in self._away
        self._now = now
        self._away.add(k)
        if k in self._present:
            self._budget.give_back(k, self._ledger.lose(k))
            self._present.discard(k)
            self._refused.pop(k, None)
            self._level()
            yield from self._run(self.method.on_leave(k))

    def join(self, k: int, now: float) -> Iterator[HandOut]:
        """Learner k is back."""
        self._now = now
        self._away.discard(k)
        self._present.add(k)
        self._level()
        if self._budget.left(k):
            yield from self._run(self.method.on_join(k))
        else:
            self._present.discard(k)

    def is_away(self, k: int) -> bool:
        """Whether learner k has left and not come back."""
        return k in self._away

    def stop(self) -> None:
        """No more work is handed out; what is in flight still comes in and is used."""
        self._budget.close()

    def expected(self, k: int) -> Expected | None:
        """What learner k's next message is to be; None: it has nothing to do."""
        work = self._ledger.oldest(k)
        return None if work is None else Expected(work.step, work.sent_s)

    def weights_of(self, k: int) -> Vector | None:
        """The weights that learner k was sent last; None: it has had none yet."""
        last = self._ledger.last.get(k)
        return None if last is None else last.weights

    def outstanding(self) -> list[HandOut]:
        """What is on its way, in the order in which it was handed out."""
        return [_hand_out(work) for work in self._ledger.outstanding()]

    def state(self) -> dict[str, Any]:
        """Everything that decides the future, the method's state included: a flat dict of arrays and numbers."""
        own = {
            "update": self.update,
            "epochs": self.epochs,
            "diverged": self.diverged,
            "loop": self.loop,
            "now": self._now,
            **{name: np.array(list(ks), dtype=np.int64) for name, ks in self._sets().items()},
        }
        return own | {f"{part}.{name}": x for part, owner in self._parts().items() for name, x in owner.state().items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state that :meth:`state` gave."""
        self.update, self.epochs, self.loop = (int(state[name]) for name in ("update", "epochs", "loop"))
        self.diverged, self._now = bool(state["diverged"]), float(state["now"])
        self._present, self._away = set(state["present"].tolist()), set(state["away"].tolist())
        self._refused = dict.fromkeys(state["refused"].tolist())
        self._budget = make_budget(self.plan, self.loop)
        for part, owner in self._parts().items():
            owner.restore(below(f"{part}.", state))

    def _parts(self) -> dict[str, Method | Budget | Ledger]:
        return {"method": self.method, "budget": self._budget, "ledger": self._ledger}

    def _sets(self) -> dict[str, Any]:
        return {"present": sorted(self._present), "away": sorted(self._away), "refused": self._refused}

    def _run(self, first: Iterator[Event]) -> Iterator[HandOut]:
        """Runs iterators from a queue, not recursively: a departure may set off the next."""
        waiting = deque([first])
        while waiting:
            for event in waiting.popleft():
                self._report_epochs()
                match event:
                    case Use(k):
                        self._account(k, applied=True)
                    case Drop(k):
                        self._account(k, applied=False)
                    case Reply(k, fresh):
                        work = self._grant(k, fresh=fresh)
                        if work is None:
                            self._refused[k] = None
                        else:
                            yield _hand_out(work)
            self._report_epochs()
            if not waiting:
                waiting.extend(self.method.on_leave(k) for k in self._take_leavers())
            if not waiting and not self.in_flight and not self._present:
                waiting.extend(self.method.on_join(k) for k in self._take_returners())
        if self._present and not self.in_flight:
            raise AssertionError(
                f"method {self.method.name}: nothing is in flight although {self._budget.left()} gradients are "
                f"left to hand out and learners {sorted(self._present)} wait; the method withholds its replies"
            )

    def _take_leavers(self) -> list[int]:
        """Refused learners with nothing in flight or held; with the budget spent and nothing in flight, everyone."""
        leaving = [k for k in self._refused if k in self._present and self._ledger.idle(k)]
        if not leaving and not self.in_flight and self._budget.left() == 0:
            leaving = sorted(self._present)
        for k in leaving:
            self._refused.pop(k, None)
            self._present.discard(k)
        return leaving

    def _take_returners(self) -> list[int]:
        """Learners that had been refused, where gradients that another one lost are left to be done."""
        back = [k for k in self.method.learners if k not in self._away and self._budget.left(k)]
        self._present.update(back)
        return back

    def _grant(self, k: int, *, fresh: bool) -> Work | None:
        n = self._budget.take(k, self._steps(k))
        if n == 0:
            return None
        # Where learners average among themselves the rate follows their own steps: it must not depend on who is ahead.
        own_updates = self._ledger.next_step[k] * self.plan.learners
        lr = self.plan.lr_at(own_updates if self.method.collective else self.update)
        weights = self._copy_for(k) if fresh else None
        return self._ledger.hand_out(k, n, lr, self._now, self.method.version, weights)

    def _copy_for(self, k: int) -> Vector:
        w = self.method.weights_for(k)
        if w is not self.method.w:
            return w.copy()
        if self._shared is None or self._shared[0] != self.method.version:
            self._shared = (self.method.version, w.copy())
        return self._shared[1]

    def _account(self, k: int, *, applied: bool) -> None:
        work = self._ledger.held[k].popleft()
        report = work.report
        assert report is not None
        method = self.method
        method.lr = self.plan.lr_at(self.update)
        # What η multiplied: the server's step, or the learner's own.
        lr = work.lr if method.rule.own_steps else method.lr
        # Learners that average among themselves work at their own weights, which are never stale.
        staleness = 0 if method.collective else method.version - work.version
        gap = 0.0 if method.collective else _gap(method.w, work.weights)
        for j in range(work.n):
            self.update += 1
            self._observer.on_update(
                UpdateRow(
                    update=self.update,
                    learner=k,
                    step=work.step + j,
                    version=method.version,
                    staleness=staleness,
                    gap=gap,
                    grad_norm=report.grad_norms[j],
                    loss=report.losses[j],
                    lr=lr,
                    queued_s=self._now - report.arrival_s,
                    compute_s=report.compute_s / work.n,
                    arrival_s=report.arrival_s,
                    applied=applied,
                )
            )
        if not np.isfinite(report.losses + report.grad_norms).all():
            self.diverged = True

    def _report_epochs(self) -> None:
        if not self.method.settled:
            return
        if self.diverged and self.method.in_step:
            self.stop()
        complete = self.plan.epochs_complete(self.update)
        while self.epochs < complete:
            self.epochs += 1
            self._observer.on_epoch(self.epochs, self.update, self.method.w)


def _hand_out(work: Work) -> HandOut:
    return HandOut(work.k, work.step, work.n, work.lr, work.weights, work.fresh, work.number)


def _gap(now: Vector, sent: Vector) -> float:
    """Root mean square of the difference."""
    # Of a run that diverges the rows shall say so, not a warning.
    with np.errstate(over="ignore", invalid="ignore"):
        difference = now - sent
        return float(np.sqrt(np.dot(difference, difference) / difference.size))
