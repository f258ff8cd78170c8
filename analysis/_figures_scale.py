"""The vertical axis of accuracies, which shows both the rise from chance and the last few percent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

# The least error in points that is told apart from none.
_LEAST_ERROR = 1e-3


def fit_accuracy(axes: Axes, means: Sequence[np.ndarray], scale: str) -> None:
    values = np.concatenate([np.empty(0), *means])
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if values.size else (0, 100)
    if scale == "linear":
        margin = max(0.04 * (high - low), 0.5)
        axes.set_ylim(max(low - margin, 0), min(high + margin, 100))
        return
    errors = 100 - values[values < 100]
    least = max(min(errors.min(), 100 - low) / 1.2, _LEAST_ERROR) if errors.size else 1
    low = max(min(100 - 1.15 * (100 - low), 100 - 2 * least), 0)
    axes.set_yscale("function", functions=error_scale(least))
    axes.set_ylim(low, 100 - least)
    axes.yaxis.set_major_locator(FixedLocator(error_ticks(low, 100 - least)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.5g}"))


def error_scale(least: float) -> tuple[object, object]:
    """An axis of accuracies in percent on which equal ratios of errors, 100 - accuracy, are equally long.

    Args:
        least: the smallest error in points that has a place of its own; all below lie there.

    Returns:
        The scale's function and its inverse.
    """
    return (lambda y: -np.log10(np.maximum(100 - np.asarray(y), least)), lambda z: 100 - 10 ** -np.asarray(z))


def error_ticks(low: float, high: float) -> list[float]:
    """Accuracies in percent to write at such an axis: the coarsest round errors of which there are five."""
    for digits in ((1, 2, 5), (1, 2, 3, 5, 7), tuple(range(1, 10))):
        errors = [digit * 10.0**power for power in range(2, -5, -1) for digit in reversed(digits)]
        ticks = [round(100 - error, 6) for error in errors if low <= 100 - error <= high]
        if len(ticks) >= 5:
            return ticks
    return [float(tick) for tick in MaxNLocator(5, steps=(1, 2, 5, 10)).tick_values(low, high) if low <= tick <= high]
