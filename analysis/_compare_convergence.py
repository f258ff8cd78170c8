"""Whether a run has converged: a rule with stated thresholds, which the papers leave to the eye.

The rule looks at the tail, the last quarter of the evaluations. There a run that has converged neither oscillates nor
still rises or falls, is about as good as it was at its best, and is better than
guessing. Thresholds are fractions here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import _spread
import numpy as np
from _compare_curves import Curve

#: Evaluations below which the last quarter is fewer than the three that a line and its residual need.
FEWEST = 9
#: The one verdict that means converged.
STEADY = "steady"
#: Verdicts on runs of which the rule cannot tell.
UNDECIDED = ("unfinished", "too short", "undefined")


@dataclass(frozen=True)
class Rule:
    """The thresholds, as fractions.

    Attributes:
        tolerance: how far the tail may rise or fall, and how far its mean may be below that of
            any stretch as long.
        sigma: how far the tail may spread about its trend, as a standard deviation.
    """

    tolerance: float
    sigma: float


@dataclass(frozen=True)
class State:
    """What the rule saw of one run, as fractions; NaN where undefined.

    Attributes:
        verdict: ``steady`` if it has converged, else why not.
        final: accuracy at the last evaluation.
        peak: highest accuracy of the run.
        below: the highest mean of as many consecutive evaluations as the tail has, less the mean of the tail.
        drift: rise of the least-squares line over the tail, from its first evaluation to its last.
        sigma: standard deviation of the tail about that line.
    """

    verdict: str
    final: float
    peak: float
    below: float
    drift: float
    sigma: float


def judge(curve: Curve, rule: Rule) -> State:
    """Applies the rule to a run; one that has not finished is measured but not judged."""
    y = curve.accuracy
    final = float(y[-1]) if len(y) else math.nan
    peak = float(np.nanmax(y)) if np.isfinite(y).any() else math.nan
    if len(y) < _spread.MIN_TAIL:
        return State(_early_verdict(curve) or "too short", final, peak, math.nan, math.nan, math.nan)
    tail = y[-max(_spread.MIN_TAIL, math.ceil(len(y) / 4)) :]
    means = np.lib.stride_tricks.sliding_window_view(y, len(tail)).mean(axis=1)
    mean = float(means[-1])
    # Not the peak itself, which is luck: the more evaluations, the further above their mean is the highest.
    below = math.nan if math.isnan(mean) else float(np.nanmax(means)) - mean
    x = np.arange(len(tail)) - (len(tail) - 1) / 2
    drift = float(x @ tail / (x @ x) * (len(tail) - 1))
    sigma = _spread.tail_sigma(y)
    verdict = _early_verdict(curve) or _verdict(rule, mean, below, drift, sigma, len(tail), curve.classes)
    return State(verdict, final, peak, below, drift, sigma)


def guessing(classes: int) -> float:
    """Accuracy up to which a run has learnt nothing to speak of: twice chance, or half-way from chance to 1."""
    return min(2 / classes, (1 + 1 / classes) / 2)


def in_words(rule: Rule) -> str:
    """The rule in a few lines, with its thresholds in percentage points."""
    tolerance, sigma = 100 * rule.tolerance, 100 * rule.sigma
    return (
        f"converged = steady: finished, with at least {FEWEST} evaluations, and over their last quarter (the tail)\n"
        f"  the accuracy's sigma about its least-squares line is at most {sigma:g} points (else oscillating),\n"
        f"  the line rises or falls by at most {tolerance:g} points (else rising, falling),\n"
        f"  the mean is at most {tolerance:g} points below that of the best stretch as long (else past its best)\n"
        "  and above twice chance, 2 / classes (else at chance)"
    )


def _early_verdict(curve: Curve) -> str | None:
    if curve.status == "diverged":
        return "diverged"
    if curve.status != "finished":
        return "unfinished"
    return "too short" if len(curve.accuracy) < FEWEST else None


def _verdict(
    rule: Rule, mean: float, below: float, drift: float, sigma: float, length: int, classes: int | None
) -> str:
    if math.isnan(sigma):
        return "undefined"
    if classes is not None and mean <= guessing(classes):
        return "at chance"
    drifts = "rising" if drift > 0 else "falling"
    if abs(drift) > rule.tolerance and sigma > rule.sigma:
        # A steep rise that bends also leaves a residual: what the line explains decides which of the two it is.
        # Its values are `length` equal steps that span the drift.
        along = abs(drift) * math.sqrt((length + 1) / (12 * (length - 1)))
        return drifts if along > sigma else "oscillating"
    if sigma > rule.sigma:
        return "oscillating"
    if abs(drift) > rule.tolerance:
        return drifts
    return "past its best" if below > rule.tolerance else STEADY
