"""How long a run is and at what rate it learns: loops, epochs, budget, learning rate. Pure arithmetic.

An **epoch** is U = Σ_k ⌈n_k/B⌉ gradients used or dropped. A **loop** is what lies between two synchronous phases: the
whole run under SGD; under SVRG one outer loop of ``inner_epochs`` epochs (the last may be shorter), whose budget is
rounded up to a multiple of K, because a partial round at the end of every loop would favour the fast learners. So is
that of methods whose learners average among themselves: all take the same number of steps.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gsgm_mpi.errors import bad_option
from gsgm_mpi.state import Stateful


@dataclass(frozen=True)
class Decay:
    """The rate is multiplied by ``factor`` from the end of each of the given epochs on."""

    factor: float = 1.0
    epochs: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Decay:
        """Reads ``0.5@50,80``; an empty string is no decay.

        Raises:
            UserError: where the text has another form, names ``--lr-decay``.
        """
        if not text:
            return cls()
        match = re.fullmatch(r"([0-9.eE+-]+)@(\d+(?:,\d+)*)", text)
        try:
            factor = float(match[1]) if match else -1.0
        except ValueError:
            factor = -1.0
        if not match or not 0 < factor < float("inf"):
            raise bad_option(
                "--lr-decay",
                repr(text),
                "FACTOR@EPOCH,EPOCH,... with a factor > 0",
                "e.g. 0.5@50,80",
            )
        return cls(factor, tuple(sorted(int(epoch) for epoch in match[2].split(","))))


@dataclass(frozen=True)
class Plan:
    """The course of one run.

    Args:
        batches: ⌈n_k/B⌉ for each learner.
        epochs: epochs in all (inner epochs under SVRG).
        inner_epochs: epochs in an outer loop; None where there is one loop.
        lr: base learning rate η.
        per_learner: each learner has a budget of its own, so loops are not rounded.
        even: every learner takes the same number of steps.
        warmup_epochs: epochs over which the rate rises linearly from η/K to η (Goyal et al. 2017, as DANA uses it).
    """

    batches: tuple[int, ...]
    epochs: int
    lr: float
    inner_epochs: int | None = None
    decay: Decay = Decay()
    warmup_epochs: float = 0.0
    per_learner: bool = False
    even: bool = False

    @property
    def learners(self) -> int:
        """K."""
        return len(self.batches)

    @property
    def epoch_updates(self) -> int:
        """U, gradients in an epoch."""
        return sum(self.batches)

    @property
    def loops(self) -> int:
        """How many loops there are."""
        return 1 if self.inner_epochs is None else -(-self.epochs // self.inner_epochs)

    def loop_epochs(self, loop: int) -> int:
        """Epochs of a loop, counted from 0."""
        if self.inner_epochs is None:
            return self.epochs
        return min(self.inner_epochs, self.epochs - loop * self.inner_epochs)

    def loop_budget(self, loop: int) -> int:
        """Gradients to hand out in a loop, counted from 0."""
        gradients = self.loop_epochs(loop) * self.epoch_updates
        if self.per_learner or not (self.even or self.inner_epochs):
            return gradients
        return -(-gradients // self.learners) * self.learners

    def epoch_end(self, epoch: int) -> int:
        """Updates after which an epoch, from 1, is complete; the rounding of a loop belongs to its last epoch."""
        loop, before = self._loop_before(epoch - 1)
        within = epoch - before
        last = within == self.loop_epochs(loop)
        return loop * self.loop_budget(0) + (self.loop_budget(loop) if last else within * self.epoch_updates)

    @property
    def updates(self) -> int:
        """Gradients of the whole run."""
        return self.epoch_end(self.epochs)

    def epochs_complete(self, update: int) -> int:
        """How many epochs are complete after ``update`` gradients."""
        if update >= self.updates:
            return self.epochs
        # All loops before the last have the budget of the first.
        loop, within = divmod(update, self.loop_budget(0))
        before = loop * (self.inner_epochs or 0)
        return before + min(within // self.epoch_updates, self.loop_epochs(loop) - 1)

    def loop_of_epoch(self, epoch: int) -> int:
        """The loop, from 1, to which an epoch, from 1, belongs."""
        return self._loop_before(epoch - 1)[0] + 1

    def _loop_before(self, epochs: int) -> tuple[int, int]:
        """The loop, from 0, that runs after so many epochs, and the epochs of the loops before it."""
        loop = 0 if self.inner_epochs is None else epochs // self.inner_epochs
        return loop, loop * (self.inner_epochs or 0)

    def lr_at(self, update: int) -> float:
        """The rate of the update that follows ``update`` gradients."""
        epoch = self.epochs_complete(update)
        lr = self.lr * self.decay.factor ** bisect_right(self.decay.epochs, epoch)
        warm = self.warmup_epochs * self.epoch_updates
        if update < warm:
            low = 1.0 / self.learners
            lr *= low + (1.0 - low) * update / warm
        return float(lr)


class Budget(Stateful):
    """Gradients still to be handed out in this loop.

    One common pot by default: whoever asks is served while it lasts, so all learners end together and none computes in
    vain. ``per_learner`` gives each learner its own e·⌈n_k/B⌉ instead; ungated methods then end on the slow learners'
    data.
    """

    def __init__(self, total: int, allotments: Sequence[int] | None = None) -> None:
        self._left = total
        self._own = None if allotments is None else dict(enumerate(allotments, start=1))
        self._closed = False

    def left(self, k: int | None = None) -> int:
        """Gradients left, for learner k or (None) for all."""
        return self._left if k is None or self._own is None else min(self._left, self._own[k])

    def take(self, k: int, want: int) -> int:
        """Grants learner k up to ``want`` gradients and returns how many."""
        n = min(want, self.left(k))
        self._left -= n
        if self._own is not None:
            self._own[k] -= n
        return n

    def give_back(self, k: int, n: int) -> None:
        """Returns the gradients of a lost hand-out; to a closed budget nothing returns."""
        if self._closed:
            return
        self._left += n
        if self._own is not None:
            self._own[k] += n

    def level(self, learners: Collection[int]) -> None:
        """Shares out all that is left evenly among these, where each learner has a budget of its own."""
        assert self._own is not None
        each, more = divmod(self._left, len(learners))
        shares = {k: each + (place < more) for place, k in enumerate(sorted(learners))}
        self._own = dict.fromkeys(self._own, 0) | shares

    def close(self) -> None:
        """No more hand-outs: the run is being stopped."""
        self._left = 0
        self._closed = True


def make_budget(plan: Plan, loop: int) -> Budget:
    """The budget of one loop, counted from 0."""
    if plan.even:
        return Budget(plan.loop_budget(loop), [plan.loop_budget(loop) // plan.learners] * plan.learners)
    if plan.per_learner:
        return Budget(plan.loop_budget(loop), [plan.loop_epochs(loop) * b for b in plan.batches])
    return Budget(plan.loop_budget(loop))


class EveryEpochs:
    """Says when something is due that happens every so many epochs.

    Args:
        every: epochs; 0: never.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._done = 0

    def due(self, epochs: int) -> bool:
        """Whether it is to happen now that so many epochs are complete."""
        return self._every > 0 and epochs // self._every > self._done

    def saved(self, epochs: int) -> None:
        """It has happened after so many epochs."""
        if self._every:
            self._done = epochs // self._every
