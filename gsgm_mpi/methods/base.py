"""The contract between a method's server side and whatever drives it (docs/architecture.md).

A method is a pure state machine: it is told of gradients, departures and returns, and answers with events. It knows no
MPI, no torch, no clock, no files and no global random state, so the same object runs under real MPI and under any
replay.

The driver's side of the bargain:

* an iterator is always run to its end before the next call;
* ``Use(k)`` comes before the state changes: the driver sets :attr:`Method.lr` and writes its row, then resumes;
* at ``Reply(k)`` the driver takes :meth:`Method.weights_for` before it resumes;
* only the driver stops learners. Methods know no budget.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple, get_args, get_origin, get_type_hints

from gsgm_mpi.errors import bad_option
from gsgm_mpi.learners import Plain, Rule, Vector


class Reply(NamedTuple):
    """Learner k works at ``weights_for(k)``; not fresh: once more at the weights it has."""

    k: int
    fresh: bool = True


class Use(NamedTuple):
    """Learner k's oldest message is used now; yielded before the state changes."""

    k: int


class Drop(NamedTuple):
    """Learner k's oldest message is discarded."""

    k: int


Event = Reply | Use | Drop


class About(NamedTuple):
    """What a method may know of a message besides the vector: gradients in it, seconds it took to make."""

    steps: int = 1
    seconds: float = 0.0


class Option(NamedTuple):
    """Says of a method's option what the command line needs; goes inside ``Annotated[type, Option(...)]``."""

    help: str
    accepted: str
    ok: Callable[[Any], bool]


class OptionSpec(NamedTuple):
    """One option of a method as found in its constructor."""

    name: str
    type: type
    default: Any
    option: Option

    @property
    def flag(self) -> str:
        """As typed on the command line."""
        return "--" + self.name.replace("_", "-")

    def check(self, value: object) -> None:
        """Raises :class:`~gsgm_mpi.errors.UserError` where the value has the wrong type or lies out of range."""
        number = self.type is float and isinstance(value, int) and not isinstance(value, bool)
        if not (number or type(value) is self.type) or not self.option.ok(value):
            raise bad_option(self.flag, value, self.option.accepted, f"the default is {self.default}")


class Method(ABC):
    """Server side of a method.

    Args:
        w0: initial weights, float32, shape (d,); copied.
        learners: the learners' numbers, 1..K.
        lr: learning rate η; the driver sets :attr:`lr` anew before each update.
        share: K·n_k/n for each learner, where gradients are weighted by samples.
        seed: for methods that draw random numbers.
    """

    #: As typed after ``--method``.
    name: ClassVar[str]
    #: Authors, year, where.
    paper: ClassVar[str]
    #: What the learners do.
    rule: ClassVar[type[Rule]] = Plain
    #: Learners average among themselves, not through the server.
    collective: ClassVar[bool] = False

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
        del share, seed
        assert w0.ndim == 1
        assert len(learners) > 0
        self.w = w0.astype("float32", copy=True)
        self.learners = tuple(learners)
        self.lr = lr
        self.version = 0

    @abstractmethod
    def start(self) -> Iterator[Event]:
        """All learners are (back) in and nothing is held: the first hand-outs."""

    @abstractmethod
    def on_gradient(self, k: int, g: Vector, about: About = About()) -> Iterator[Event]:  # noqa: B008 - immutable
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
        del k
        return self.w

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything that decides the future, as a flat dict of arrays and Python numbers."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state that :meth:`state` gave."""

    @classmethod
    def options(cls) -> tuple[OptionSpec, ...]:
        """The method's own options: the ``Annotated`` keyword arguments of its constructor."""
        hints = get_type_hints(cls.__init__, include_extras=True)
        found = []
        for name, parameter in inspect.signature(cls.__init__).parameters.items():
            hint = hints.get(name)
            if get_origin(hint) is Annotated:
                kind, option = get_args(hint)[:2]
                found.append(OptionSpec(name, kind, parameter.default, option))
        return tuple(found)
