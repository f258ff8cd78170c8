"""Which of some trials was the best. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def score(accuracies: Sequence[float], *, diverged: bool) -> tuple[float, float]:
    """How good a trial was: its mean accuracy over the last quarter of its epochs, then over all of them.

    The last quarter, not the last epoch: a rate at which the accuracy swings must not win by a lucky end. A trial that
    diverged, or was never evaluated, is the worst there is.
    """
    if diverged or not accuracies or not all(map(math.isfinite, accuracies)):
        return 0.0, 0.0
    tail = accuracies[-math.ceil(len(accuracies) / 4) :]
    return math.fsum(tail) / len(tail), math.fsum(accuracies) / len(accuracies)


def best(scores: Mapping[float, tuple[float, float]]) -> float:
    """The factor with the highest score; of equals the smallest, which is the safest."""
    return max(sorted(scores), key=lambda factor: scores[factor])


def at_an_end(scores: Mapping[float, tuple[float, float]]) -> bool:
    """Whether the best factor is the smallest or the largest, so that a better one may lie beyond."""
    return len(scores) > 1 and best(scores) in (min(scores), max(scores))
