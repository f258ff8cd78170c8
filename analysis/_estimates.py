"""Statistics over a few seeds: mean with its interval, paired comparison, Holm's correction. Pure functions.

Whatever is undefined is NaN. Values that are NaN or infinite do not count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95

# Accuracies are fractions of at most some 10^6 samples: a spread below this is rounding error, in whatever unit.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Estimate:
    """A mean and how well it is known; all but ``n`` and ``p`` in the unit of the values.

    Attributes:
        n: values that count.
        mean: their mean; NaN where there are none.
        sd: their standard deviation, divided by n - 1; NaN below two values.
        half: half the width of the 95 % interval; NaN below two values, or where all are the same.
        p: of the two-sided t test that the mean is 0; NaN where ``half`` is.
    """

    n: int
    mean: float
    sd: float
    half: float
    p: float

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.mean + self.half


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of some values, with the interval and the test of Student's t at n - 1 degrees of freedom.

    Values that are all the same have no interval and no p: a spread of 0, which t takes for certainty, says of a
    few accuracies only that they are counted in whole samples.
    """
    counted = np.array([value for value in values if math.isfinite(value)], np.float64)
    n = len(counted)
    mean = float(np.mean(counted)) if n else math.nan
    if n < 2:
        return Estimate(n, mean, math.nan, math.nan, math.nan)
    sd = float(np.std(counted, ddof=1))
    if sd < _ROUNDING:
        return Estimate(n, mean, 0.0, math.nan, math.nan)
    from scipy.special import stdtr

    p = 2 * float(stdtr(n - 1, -abs(mean) / (sd / math.sqrt(n))))
    return Estimate(n, mean, sd, reach(n) * sd, p)


def reach(n: int) -> float:
    """Half the width of the 95 % interval of a mean of n >= 2 values, in standard deviations of the values."""
    # Imported here: most users of this module have one seed, and scipy takes long to load.
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, (1 + LEVEL) / 2)) / math.sqrt(n)


def differences(own: Mapping[int, float], rival: Mapping[int, float]) -> list[float]:
    """``own - rival`` for each seed that both have; NaN where one of them is."""
    return [own[seed] - rival[seed] for seed in own if seed in rival]


def log_ratios(own: Mapping[int, float], rival: Mapping[int, float]) -> list[float]:
    """``log(own / rival)`` for each seed that both have; NaN where one of them is not above 0."""
    return differences(*({seed: _log(value) for seed, value in values.items()} for values in (own, rival)))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction for having made several tests at once.

    Args:
        p: the p values; NaN stands for a test that could not be made, and does not count as one.

    Returns:
        The corrected values, in the same order. To call those below 0.05 significant is wrong about any of them
        at all in at most 5 % of such families of tests.
    """
    made = sorted((value, i) for i, value in enumerate(p) if not math.isnan(value))
    corrected = [math.nan] * len(p)
    largest = 0.0
    for place, (value, i) in enumerate(made):
        largest = max(largest, min(1.0, (len(made) - place) * value))
        corrected[i] = largest
    return corrected


def _log(value: float) -> float:
    return math.log(value) if value > 0 else math.nan
