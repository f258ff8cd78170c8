"""Who has been handed what, and what of it has not been used yet. Pure bookkeeping for the conductor."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gsgm_mpi.learners import Vector


class Report(NamedTuple):
    """What a learner says with its message."""

    losses: tuple[float, ...]
    grad_norms: tuple[float, ...]
    compute_s: float
    arrival_s: float


@dataclass(eq=False)
class Work:
    """One hand-out on its way, then its message until it is used."""

    k: int
    #: Hand-outs of the whole run before this one.
    number: int
    step: int
    n: int
    lr: float
    #: When it was handed out.
    sent_s: float
    #: Whether ``weights`` are new to the learner.
    fresh: bool
    version: int
    weights: Vector
    report: Report | None = None


class Ledger:
    """Hand-outs by learner, each in one of two queues: on its way, or held by the method.

    Args:
        learners: their numbers.
    """

    def __init__(self, learners: Sequence[int]) -> None:
        #: Each learner's own step number of its next gradient.
        self.next_step = dict.fromkeys(learners, 0)
        self.flying: dict[int, deque[Work]] = {k: deque() for k in learners}
        self.held: dict[int, deque[Work]] = {k: deque() for k in learners}
        #: Each learner's newest hand-out, whose weights it has.
        self.last: dict[int, Work] = {}
        #: Hand-outs so far.
        self.count = 0

    @property
    def in_flight(self) -> int:
        """Hand-outs whose message has not come."""
        return sum(map(len, self.flying.values()))

    def idle(self, k: int) -> bool:
        """Nothing of learner k is on its way or held."""
        return not self.flying[k] and not self.held[k]

    def hand_out(self, k: int, n: int, lr: float, sent_s: float, version: int, weights: Vector | None) -> Work:
        """Notes a hand-out; weights None: those that the learner has."""
        fresh = weights is not None
        if weights is None:
            version, weights = self.last[k].version, self.last[k].weights
        work = Work(k, self.count, self.next_step[k], n, lr, sent_s, fresh, version, weights)
        self.count += 1
        self.next_step[k] += n
        self.last[k] = work
        self.flying[k].append(work)
        return work

    def arrive(self, k: int, report: Report) -> Work:
        """Learner k's oldest hand-out has come back."""
        work = self.flying[k].popleft()
        assert len(report.losses) == work.n
        work.report = report
        self.held[k].append(work)
        return work

    def lose(self, k: int) -> int:
        """All that learner k has on its way is lost; returns how many gradients, which count as never handed out."""
        lost = self.flying[k]
        if lost:
            self.next_step[k] = lost[0].step
        n = sum(work.n for work in lost)
        lost.clear()
        return n

    def oldest(self, k: int) -> Work | None:
        """Learner k's oldest hand-out on its way; None: there is none."""
        return self.flying[k][0] if self.flying.get(k) else None

    def outstanding(self) -> list[Work]:
        """What is on its way, in the order in which it was handed out."""
        return sorted((work for queue in self.flying.values() for work in queue), key=lambda work: work.number)

    def state(self) -> dict[str, Any]:
        """Arrays and numbers; weights that several hand-outs share are stored once."""
        queues = (_in_order(self.flying), _in_order(self.held), list(self.last.values()))
        works = list({id(work): work for queue in queues for work in queue}.values())
        vectors = list({id(work.weights): work.weights for work in works}.values())
        where = {id(vector): j for j, vector in enumerate(vectors)}
        row = {id(work): j for j, work in enumerate(works)}
        reports = [work.report for work in works]
        nothing = Report((), (), np.nan, np.nan)
        return {
            "next_step": np.array(list(self.next_step.values())),
            "count": self.count,
            "works": np.array([(w.k, w.number, w.step, w.n, w.fresh, w.version, where[id(w.weights)]) for w in works]),
            "lr": np.array([(work.lr, work.sent_s) for work in works]),
            "vectors": np.array(vectors),
            "reported": np.array([report is not None for report in reports]),
            "times": np.array([(r.compute_s, r.arrival_s) for r in (report or nothing for report in reports)]),
            "losses": np.array([x for report in reports for x in (report or nothing).losses]),
            "grad_norms": np.array([x for report in reports for x in (report or nothing).grad_norms]),
            **{
                name: np.array([row[id(work)] for work in queue], dtype=np.int64)
                for name, queue in zip(("flying", "held", "last"), queues, strict=True)
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state that :meth:`state` gave."""
        self.next_step = dict(zip(self.next_step, state["next_step"].tolist(), strict=True))
        self.count = int(state["count"])
        vectors = list(state["vectors"])
        losses, norms = iter(state["losses"].tolist()), iter(state["grad_norms"].tolist())
        works = []
        for (k, number, step, n, fresh, version, j), (lr, sent_s), reported, (compute_s, arrival_s) in zip(
            state["works"].tolist(), state["lr"].tolist(), state["reported"], state["times"].tolist(), strict=True
        ):
            report = None
            if reported:
                own = range(n)
                report = Report(tuple(next(losses) for _ in own), tuple(next(norms) for _ in own), compute_s, arrival_s)
            works.append(Work(k, number, step, n, lr, sent_s, bool(fresh), version, vectors[j], report))
        for name, queues in (("flying", self.flying), ("held", self.held)):
            for queue in queues.values():
                queue.clear()
            for j in state[name].tolist():
                queues[works[j].k].append(works[j])
        self.last = {works[j].k: works[j] for j in state["last"].tolist()}


def _in_order(queues: Mapping[int, Iterable[Work]]) -> list[Work]:
    return [work for queue in queues.values() for work in queue]
