"""The contract between a method's server side and whatever drives it (docs/architecture.md).

A method is a pure state machine: it is told of messages, departures and returns, and answers with events. It knows no
MPI, no torch, no clock, no files and no global random state, so the same object runs under real MPI and under any
replay.

The driver's side of the bargain:

* an iterator is always run to its end before the next call;
* ``Use(k)`` comes before the state changes: the driver sets :attr:`Method.lr` and writes its row, then resumes;
* at ``Reply(k)`` the driver takes :meth:`Method.weights_for` before it resumes;
* only the driver stops learners. Methods know no budget.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from gsgm_mpi.learners import Plain, Rule, Vector
from gsgm_mpi.options import OptionSpec, options_of
from gsgm_mpi.state import Stateful


@dataclass(frozen=True, slots=True)
class Reply:
    """Learner k works at ``weights_for(k)``; not fresh: once more at the weights it has."""

    k: int
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Use:
    """Learner k's oldest message is used now; yielded before the state changes."""

    k: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Learner k's oldest message is discarded."""

    k: int


Event = Reply | Use | Drop


class About(NamedTuple):
    """What a method may know of a message besides the vector: gradients in it, seconds it took to make."""

    steps: int = 1
    seconds: float = 0.0


class Method(Stateful, ABC):
    """Server side of a method.

    Args:
        w0: initial weights, float32, shape (d,); copied.
        learners: the learners' numbers, 1..K.
        lr: learning rate η; the driver sets :attr:`lr` anew before each update.
        share: K·n_k/n for each learner, where a method that weighs messages weighs them by samples.
        seed: for methods that draw random numbers.
    """

    #: As typed after ``--method``.
    name: ClassVar[str]
    #: Authors, year, where.
    paper: ClassVar[str] = ""
    #: What it does, in one line.
    line: ClassVar[str] = ""
    #: Vectors of length d that travel for each gradient, both directions together.
    wire: ClassVar[str] = "2"
    #: Vectors of length d that the server keeps, besides the weights on their way to the learners.
    memory: ClassVar[str] = "1"
    #: Exact reductions, each of them a test.
    reduces_to: ClassVar[str] = ""
    #: What the learners do.
    rule: ClassVar[type[Rule]] = Plain
    #: Learners average among themselves, not through the server.
    collective: ClassVar[bool] = False
    #: Whether ``--algo svrg`` has a meaning.
    variance_reduced: ClassVar[bool] = True
    #: What η multiplies: a single ``gradient``; or a ``mean`` of gradients or a learner's own step, which bear more.
    step: ClassVar[str] = "gradient"
    #: How ``--weighting samples`` is done: to the raw ``gradient``, to the ``message``, or ``none``: it has no meaning.
    weighted: ClassVar[str] = "gradient"

    #: Current weights, shape (d,): what is evaluated and saved.
    w: Vector
    #: Learning rate of the next update. A Python float, never a numpy scalar, which would promote float32 vectors.
    lr: float
    #: How often w has changed.
    version: int

    def __init__(
        self,
        w0: Vector,
        learners: Sequence[int],
        *,
        lr: float,
        share: Sequence[float] | None = None,
        seed: int = 0,
    ) -> None:
        assert w0.ndim == 1
        assert len(learners) > 0
        self.w = w0.astype("float32", copy=True)
        self.learners = tuple(learners)
        #: Weight of each learner's message, 1 on average.
        self.share = tuple(share or [1.0] * len(learners))
        self.seed = seed
        self.lr = lr
        self.version = 0

    @abstractmethod
    def start(self) -> Iterator[Event]:
        """All learners are (back) in and nothing is held: the first hand-outs."""

    @abstractmethod
    def on_gradient(self, k: int, g: Vector, about: About = About()) -> Iterator[Event]:
        """Learner k's message has come.

        ``g`` has shape (d,) and is the driver's buffer: it must be copied to be kept, and never be written to.
        """

    @abstractmethod
    def on_leave(self, k: int) -> Iterator[Event]:
        """Learner k is stopped, away or lost. A held message of a lost learner is dropped."""

    @abstractmethod
    def on_join(self, k: int) -> Iterator[Event]:
        """Learner k is back from an absence."""

    def weights_for(self, k: int) -> Vector:
        """What learner k is sent now, shape (d,)."""
        return self.w

    @property
    def settled(self) -> bool:
        """Whether :attr:`w` may be evaluated; not, say, in the midst of a round of averages."""
        return True

    @property
    def in_step(self) -> bool:
        """Whether all learners have the same weights: where they average among themselves, they can stop only then."""
        return True

    @classmethod
    def factors(cls) -> tuple[type, ...]:
        """The classes whose constructors declare the options of this method."""
        return (cls, cls.rule)

    @classmethod
    def options(cls) -> tuple[OptionSpec, ...]:
        """All options, those of the method itself first."""
        found = {spec.name: spec for factor in reversed(cls.factors()) for spec in options_of(factor)}
        order = dict.fromkeys(spec.name for factor in cls.factors() for spec in options_of(factor))
        return tuple(found[name] for name in order)

    @classmethod
    def check(cls, options: Mapping[str, Any], learners: int) -> None:
        """Raises :class:`~gsgm_mpi.errors.UserError` where options do not fit each other or the number of learners."""

    @classmethod
    def build(
        cls,
        w0: Vector,
        learners: Sequence[int],
        options: Mapping[str, Any],
        *,
        lr: float,
        share: Sequence[float] | None = None,
        seed: int = 0,
        **rest: Any,
    ) -> Self:
        """The server's side with those of the options that concern it; ``rest`` goes to the constructor as it is."""
        of_rule = {spec.name for spec in options_of(cls.rule)}
        own = {spec.name for factor in cls.factors() if factor is not cls.rule for spec in options_of(factor)}
        assert set(options) <= own | of_rule
        mine = {name: value for name, value in options.items() if name in own}
        return cls(w0, learners, lr=lr, share=share, seed=seed, **mine, **rest)

    @classmethod
    def build_rule(cls, options: Mapping[str, Any], learners: int) -> Rule:
        """One learner's side, of ``learners``, with those of the options that concern it."""
        wanted = {spec.name for spec in options_of(cls.rule)}
        rule = cls.rule(**{name: value for name, value in options.items() if name in wanted})
        rule.learners = learners
        return rule
