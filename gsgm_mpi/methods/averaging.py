"""Learners that walk on their own and average their weights: synchronous SGD, K-AVG, Hier-AVG.

K-AVG: Fan Zhou, Guojing Cong: On the Convergence Properties of a K-step Averaging Stochastic Gradient Descent Algorithm
for Nonconvex Optimization. IJCAI 2018, arXiv 1708.01012. Hier-AVG: Fan Zhou, Guojing Cong: A Distributed Hierarchical
SGD Algorithm with Sparse Global Reduction. arXiv 1903.05133.

Symbols: x_k learner k's weights, K1 steps between two averages of a group of S learners, K2 between two of all.

    x_k ← x_k − η∇f_k(x_k), K1 times
    every K1 steps: x_k ← mean of k's group;  every K2 steps instead: x_k ← mean of all

Under the wall clock learners do this among themselves, as collectives (gsgm_mpi/engines/collective_learner.py); this
is the same as a method: a barrier over a group, messages are weights. Means do not depend on order
(gsgm_mpi/exact_mean.py), so both give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from gsgm_mpi.errors import bad_option
from gsgm_mpi.exact_mean import mean
from gsgm_mpi.learners import LocalPeriod, OneStep, Period, Rule, Vector
from gsgm_mpi.learners.local_steps import K1
from gsgm_mpi.methods.base import About, Drop, Event, Method, Reply, Use
from gsgm_mpi.methods.groups import KINDS, assign, check_size, default_size, nearest
from gsgm_mpi.options import Option, at_least


class Schedule(NamedTuple):
    """Who averages with whom, and when. A round is the steps of one hand-out and the average after it."""

    groups: tuple[tuple[int, ...], ...]
    #: Every so many rounds all average instead of the groups.
    global_rounds: int

    def is_global(self, rounds: int) -> bool:
        """Whether all average after so many rounds."""
        return rounds % self.global_rounds == 0 or len(self.groups) == 1

    def group_of(self, k: int) -> int:
        """Index of learner k's group."""
        return next(j for j, group in enumerate(self.groups) if k in group)


def weighted_mean(vectors: Sequence[Vector], weights: Sequence[float]) -> Vector:
    """Σ a_k x_k / Σ a_k, float32, shape (d,); the same bits in any order. Of one vector: itself."""
    if len(vectors) == 1:
        return vectors[0]
    scale = normalised(weights)
    return mean([a * x.astype(np.float64) for a, x in zip(scale, vectors, strict=True)]).astype(np.float32)


def normalised(weights: Sequence[float]) -> list[float]:
    """Weights whose mean is 1."""
    total = sum(weights)
    return [a * len(weights) / total for a in weights]


class Averaging(Method):
    """Base: a barrier over each group, and over all of them at every ``global_rounds``-th round.

    :attr:`w` is the mean of all learners' weights.
    """

    collective: ClassVar[bool] = True
    step: ClassVar[str] = "mean"
    weighted: ClassVar[str] = "message"
    variance_reduced: ClassVar[bool] = False
    memory: ClassVar[str] = "1"

    def __init__(self, w0: Vector, learners: Sequence[int], *, schedule: Schedule | None = None, **rest: Any) -> None:
        super().__init__(w0, learners, **rest)
        self.schedule = schedule or self.schedule_for({}, self.learners)
        #: Weights after each learner's last average; replaced, never written to.
        self._x = dict.fromkeys(self.learners, self.w)
        #: Averages that each group has been through.
        self._rounds = dict.fromkeys(range(len(self.schedule.groups)), 0)
        self._working: set[int] = set()
        #: The newest average was one of all that are present.
        self._in_step = True
        #: In the midst of an average's rows.
        self._averaging = False
        #: What has arrived and waits for the others.
        self._held: dict[int, Vector] = {}

    @classmethod
    def schedule_for(cls, options: Mapping[str, Any], learners: Sequence[int], hosts: Sequence[str] = ()) -> Schedule:
        """The schedule that the options ask for: here, all average after every hand-out.

        Args:
            options: the method's.
            learners: 1..K.
            hosts: of each learner, for groups by node.
        """
        del options, hosts
        return Schedule((tuple(learners),), 1)

    def start(self) -> Iterator[Event]:
        assert not self._held, "nothing is held at a start"
        self._working = set(self.learners)
        for k in self.learners:
            yield Reply(k)

    def on_gradient(self, k: int, g: Vector, about: About = About()) -> Iterator[Event]:
        self._working.discard(k)
        self._held[k] = g.copy()
        yield from self._pass()

    def on_leave(self, k: int) -> Iterator[Event]:
        self._working.discard(k)
        if self._held.pop(k, None) is not None:
            yield Drop(k)
        yield from self._pass()

    def on_join(self, k: int) -> Iterator[Event]:
        own = self.schedule.group_of(k)
        if not self._present(own):
            self._rounds[own] = max(self._rounds.values())
        self._working.add(k)
        self._x[k] = self.w
        yield Reply(k)

    def weights_for(self, k: int) -> Vector:
        return self._x[k]

    @property
    def settled(self) -> bool:
        # A round is over where all groups have been through as many averages.
        groups = [j for j in self._rounds if self._present(j)]
        return not self._averaging and len({self._rounds[j] for j in groups}) <= 1

    @property
    def in_step(self) -> bool:
        return self.settled and self._in_step

    def _present(self, group: int) -> list[int]:
        return [k for k in self.schedule.groups[group] if k in self._working or k in self._held]

    def _pass(self) -> Iterator[Event]:
        """Averages wherever the last one has arrived."""
        groups = [j for j in self._rounds if self._present(j)]
        ready = [j for j in groups if not self._working & set(self.schedule.groups[j])]
        at_global = [j for j in ready if self.schedule.is_global(self._rounds[j] + 1)]
        for j in ready:
            if j not in at_global:
                yield from self._average([j], everyone=False)
        if at_global and len(at_global) == len(groups):
            yield from self._average(at_global, everyone=True)

    def _average(self, groups: list[int], *, everyone: bool) -> Iterator[Event]:
        together = sorted(k for k in self._held if any(k in self.schedule.groups[j] for j in groups))
        x = weighted_mean([self._held[k] for k in together], [self.share[k - 1] for k in together])
        self._averaging = True
        for k in together:
            yield Use(k)
            if k == together[0]:
                # An average of all is that of the learners that are away, too: they will begin with it.
                self._x |= dict.fromkeys(self.learners if everyone else together, x)
                self._in_step = everyone
                same = all(own is x for own in self._x.values())
                self.w = x if same else weighted_mean(list(self._x.values()), self.share)
                self.version += 1
            del self._held[k]
        self._averaging = False
        for j in groups:
            self._rounds[j] += 1
        self._working |= set(together)
        for k in together:
            yield Reply(k)


class Ssgd(Averaging):
    """Synchronous SGD: the mean of all w − ηg_k is w − η times the mean gradient."""

    name: ClassVar[str] = "ssgd"
    paper: ClassVar[str] = "synchronous minibatch SGD; e.g. Chen et al. 2016, arXiv 1604.00981"
    line: ClassVar[str] = "synchronous SGD: the mean of all gradients, as an allreduce"
    wire: ClassVar[str] = "4"
    reduces_to: ClassVar[str] = "k-avg with period 1; K = 1: SGD"
    rule: ClassVar[type[Rule]] = OneStep


class KAvg(Averaging):
    """K-AVG: all average their weights every ``period`` steps."""

    name: ClassVar[str] = "k-avg"
    paper: ClassVar[str] = "Zhou, Cong 2018, IJCAI, arXiv 1708.01012"
    line: ClassVar[str] = "local steps, then all average their weights"
    wire: ClassVar[str] = "4/period"
    reduces_to: ClassVar[str] = "period 1: ssgd; K = 1: SGD"
    rule: ClassVar[type[Rule]] = Period


class HierAvg(Averaging):
    """Hier-AVG: groups average every K1 steps, all every K2.

    Args:
        w0, learners, rest: see :class:`Averaging`.
        local_period: K1.
        global_period: K2, a multiple of K1.
        group_size: S, a divisor of K; 0: see :func:`~gsgm_mpi.methods.groups.default_size`.
        groups: which learners make a group, see :func:`~gsgm_mpi.methods.groups.assign`.
    """

    name: ClassVar[str] = "hier-avg"
    paper: ClassVar[str] = "Zhou, Cong 2019, arXiv 1903.05133"
    line: ClassVar[str] = "local steps; groups average often, all of them seldom"
    wire: ClassVar[str] = "4/K1"
    reduces_to: ClassVar[str] = "K1 = K2 = 1: ssgd; S = 1 or K1 = K2: k-avg(K2); S = K: k-avg(K1); K = 1: SGD"
    rule: ClassVar[type[Rule]] = LocalPeriod

    def __init__(
        self,
        w0: Vector,
        learners: Sequence[int],
        *,
        local_period: K1 = 2,
        global_period: Annotated[
            int, Option("K2: steps from one average of all to the next, a multiple of K1", *at_least(1))
        ] = 8,
        group_size: Annotated[int, Option("S: learners in a group, a divisor of K; 0: near 4", *at_least(0))] = 0,
        groups: Annotated[
            str, Option("which learners make a group", "one of " + ", ".join(KINDS), lambda v: v in KINDS)
        ] = "contiguous",
        **rest: Any,
    ) -> None:
        options = {
            "local_period": local_period,
            "global_period": global_period,
            "group_size": group_size,
            "groups": groups,
        }
        super().__init__(w0, learners, **({"schedule": self.schedule_for(options, learners)} | rest))

    @classmethod
    def check(cls, options: Mapping[str, Any], learners: int) -> None:
        k1, k2 = options["local_period"], options["global_period"]
        if k2 % k1:
            fitting = [k1 * (k2 // k1), k1 * (k2 // k1 + 1)]
            near = nearest([n for n in fitting if n], k2)
            raise bad_option("--global-period", k2, f"a multiple of --local-period {k1}", f"the nearest: {near}")
        if options["groups"] != "node":
            check_size(options["group_size"], learners)

    @classmethod
    def schedule_for(cls, options: Mapping[str, Any], learners: Sequence[int], hosts: Sequence[str] = ()) -> Schedule:
        size = options["group_size"] or default_size(len(learners))
        groups = assign(options["groups"], learners, size, hosts)
        return Schedule(groups, options["global_period"] // options["local_period"])
