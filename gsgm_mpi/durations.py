"""How long learners take for their gradients: models of it, uneven speeds, stragglers. Pure.

Symbols: t time of a gradient in the middle, s_k speed of learner k, f_k factor of a straggler, X_{k,i} what chance does
to learner k's step i. Its duration is t · X_{k,i} · f_k / s_k: a function of (seed, k, i) and of nothing else, so two
methods under the same options meet the same cluster.

    constant      X = 1
    lognormal:S   X = exp(S·N(0, 1)), median 1
    gamma:A       X ~ Gamma(A, 1/A), mean 1; DANA's simulations have A = 100 (Hakimi et al. 2019)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from gsgm_mpi.errors import UserError, bad_option
from gsgm_mpi.streams import Purpose, stream

#: Learner k and its step to a multiple of the mean.
Chance = Callable[[int, int], float]

#: How far speeds and factors may be from 1; beyond that virtual times lose their meaning.
_MOST = 1e6
_MODELS = "constant, lognormal:S with S in [0, 10], or gamma:SHAPE with SHAPE >= 0.1"
_SPEEDS = (
    "one number in [1e-6, 1e6] a learner (1,1,0.5), spread:FACTOR with FACTOR in [1, 1e6], lognormal:S or gamma:SHAPE "
    "(see --durations)"
)


class Durations(Protocol):
    """Anything that says how long a learner takes."""

    def gradients(self, k: int, step: int, n: int) -> float:
        """Seconds of learner k's n gradients from its step ``step`` on."""

    def way(self, k: int, step: int) -> float:
        """Seconds that the work from learner k's step ``step`` on spends on its way, beyond what a link takes."""

    def full_pass(self, k: int, batches: int) -> float:
        """Seconds of learner k's pass over its whole shard, of so many batches."""

    def phase(self, loop: int) -> float | None:
        """Seconds of the whole full-gradient phase of a loop, from 0; None: as long as the slowest learner takes."""


class Modelled:
    """Durations by a model.

    Args:
        model: as for ``--durations``.
        factors: f_k / s_k of each learner 1..K.
        mean_s: t, seconds.
        seed: of the run.
    """

    def __init__(self, model: str, factors: Sequence[float], *, mean_s: float, seed: int) -> None:
        chance = parse_model(model)
        self._chance: Chance = lambda k, i: chance(stream(seed, Purpose.DURATIONS, k, i))
        self._each_s = [mean_s * factor for factor in factors]

    def gradients(self, k: int, step: int, n: int) -> float:
        return self._each_s[k - 1] * sum(self._chance(k, i) for i in range(step, step + n))

    def way(self, k: int, step: int) -> float:
        del k, step
        return 0.0

    def full_pass(self, k: int, batches: int) -> float:
        # At the mean: chance is tied to the learner's own steps, of which this is none.
        return self._each_s[k - 1] * batches

    def phase(self, loop: int) -> float | None:
        del loop
        return None


class Measured(NamedTuple):
    """What a recorded run tells of its cluster."""

    #: Each learner's seconds of its steps, in order.
    seconds: Mapping[int, Sequence[float]]
    #: For the same steps: what their message's way took besides, from hand-out to arrival.
    ways: Mapping[int, Sequence[float]]
    #: Seconds of its full-gradient phases; none under SGD.
    phases: Sequence[float]


class Recorded:
    """Durations of a run that was recorded: learner k's step i takes as long as it did then, its way included.

    A learner that now takes more steps than it did begins again with its first.

    Args:
        measured: of that run.
        factors: f_k / s_k of each learner, on top of the time it computed.
    """

    def __init__(self, measured: Measured, factors: Sequence[float]) -> None:
        self._seconds = {k: [factors[k - 1] * s for s in each] for k, each in measured.seconds.items()}
        self._measured = measured

    def gradients(self, k: int, step: int, n: int) -> float:
        each = self._seconds[k]
        return sum(each[i % len(each)] for i in range(step, step + n))

    def way(self, k: int, step: int) -> float:
        ways = self._measured.ways[k]
        return ways[step % len(ways)]

    def full_pass(self, k: int, batches: int) -> float:
        each = self._seconds[k]
        return batches * sum(each) / len(each)

    def phase(self, loop: int) -> float | None:
        phases = self._measured.phases
        return phases[loop % len(phases)] if phases else None


class Slowing:
    """How long a real learner waits after its work, so that a uniform cluster plays an uneven one.

    Args:
        durations: its work shall take so long at least; None: as long as it took, times the learner's factor.
        factors: f_k / s_k of each learner, at least 1: no learner can be made faster.
    """

    def __init__(self, durations: Durations | None, factors: Sequence[float]) -> None:
        self._durations = durations
        self._factors = tuple(factors)

    def gradients(self, k: int, step: int, n: int, took_s: float) -> float:
        """Seconds to wait after n gradients that took ``took_s``."""
        if self._durations is None:
            return took_s * (self._factors[k - 1] - 1)
        return max(0.0, self._durations.gradients(k, step, n) - took_s)

    def full_pass(self, k: int, batches: int, took_s: float) -> float:
        """Seconds to wait after a pass over the whole shard."""
        if self._durations is None:
            return took_s * (self._factors[k - 1] - 1)
        return max(0.0, self._durations.full_pass(k, batches) - took_s)


def parse_model(text: str) -> Callable[[np.random.Generator], float]:
    """What ``--durations`` names, as a draw from a stream.

    Raises:
        UserError: where it names nothing.
    """
    draw = _draw(text)
    if draw is None:
        raise bad_option("--durations", repr(text), _MODELS, "e.g. lognormal:0.1")
    return draw


def _draw(text: str) -> Callable[[np.random.Generator], float] | None:
    name, _, number = text.partition(":")
    if text == "constant":
        return lambda _: 1.0
    x = _number(number)
    if name == "lognormal" and 0 <= x <= 10:
        return lambda rng: float(math.exp(x * rng.standard_normal()))
    if name == "gamma" and 0.1 <= x < math.inf:
        return lambda rng: float(rng.gamma(x) / x)
    return None


def parse_factors(speeds: str, slow: str, learners: int, seed: int) -> list[float]:
    """f_k / s_k of each learner, from ``--speeds`` and ``--slow``.

    ``spread:F`` spaces the learners evenly on a logarithmic scale, the last F times as slow as the first;
    ``lognormal:S`` and ``gamma:SHAPE`` draw each learner's time for a gradient.

    Raises:
        UserError: where a text has another form or does not fit the number of learners.
    """
    factors = [1.0] * learners
    if speeds:
        factors = _parse_speeds(speeds, learners, seed)
    for k, factor in parse_slow(slow).items():
        if k > learners:
            raise UserError(f"--slow names learner {k}, but there are {learners}; e.g. --slow {learners}:5")
        factors[k - 1] *= factor
    return factors


def parse_slow(text: str) -> dict[int, float]:
    """Reads ``3:5,7:2``: learner 3 takes 5 times as long, learner 7 twice."""
    found: dict[int, float] = {}
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"([1-9]\d*):(.+)", part.strip())
        factor = _number(match[2]) if match else math.nan
        if match is None or not 1 <= factor <= _MOST:
            raise bad_option("--slow", repr(text), "LEARNER:FACTOR,... with factors in [1, 1e6]", "e.g. 3:5")
        if int(match[1]) in found:
            raise UserError(
                f"--slow must name a learner once, and {text!r} names learner {match[1]} twice; leave one out"
            )
        found[int(match[1])] = factor
    return found


def check_speeds(text: str) -> None:
    """Raises :class:`UserError` where ``--speeds`` can fit no number of learners."""
    if text:
        _parse_speeds(text, text.count(",") + 1, 0)


def _parse_speeds(text: str, learners: int, seed: int) -> list[float]:
    name, colon, number = text.partition(":")
    if colon:
        if name == "spread" and 1 <= (spread := _number(number)) <= _MOST:
            return [float(spread ** ((k - 1) / max(1, learners - 1))) for k in range(1, learners + 1)]
        draw = _draw(text)
        if draw is not None:
            return [draw(stream(seed, Purpose.SPEEDS, k)) for k in range(1, learners + 1)]
    speeds = [_number(part) for part in text.split(",")]
    if not all(1 / _MOST <= speed <= _MOST for speed in speeds):
        raise bad_option("--speeds", repr(text), _SPEEDS, "e.g. spread:5")
    if len(speeds) != learners:
        raise bad_option(
            "--speeds", f"{len(speeds)} numbers", f"one number a learner, {learners} of them", "e.g. spread:5"
        )
    return [1 / speed for speed in speeds]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
