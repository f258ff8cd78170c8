"""How stable a curve of accuracies is: pure functions on arrays.

Stability is "the standard deviation of the model accuracy values" (GSGM, section 5.2). The paper
does not say over which epochs, and the deviation of a whole run mixes the trend of learning with
the oscillation that is meant. So there are three figures, each a population standard deviation
(divided by n: ``ddof=0``).

Whatever is undefined is NaN: too few epochs, or an epoch in the range whose accuracy is itself
NaN.
"""

from __future__ import annotations

import math

import numpy as np

# Accuracies are fractions of at most some 10^6 samples, so a spread below this is rounding error.
# As an exact 0 it does not turn into a ratio of two rounding errors.
_ROUNDING = 1e-12

MIN_TAIL = 3  # a line goes through any two points without a residual


def sigma(y: np.ndarray) -> float:
    """Standard deviation over all epochs; NaN below two epochs."""
    if len(y) < 2:
        return math.nan
    return float(_settle(np.std(y)))


def running_sigma(y: np.ndarray, window: int) -> np.ndarray:
    """Standard deviation in the window that ends at each epoch.

    Args:
        y: accuracies, one an epoch.
        window: epochs in a window.

    Returns:
        One value for each epoch; NaN for the first ``window - 1``, whose window is not full.
    """
    running = np.full(len(y), math.nan)
    if len(y) >= window:
        windows = np.lib.stride_tricks.sliding_window_view(y, window)
        running[window - 1 :] = _settle(np.std(windows, axis=1))
    return running


def mean_running_sigma(y: np.ndarray, window: int) -> float:
    """Mean of :func:`running_sigma` over all full windows; NaN if there is none."""
    if len(y) < window:
        return math.nan
    return float(np.mean(running_sigma(y, window)[window - 1 :]))


def tail_sigma(y: np.ndarray) -> float:
    """Standard deviation about the least-squares line through the last quarter.

    The quarter is the last ⌈n/4⌉ epochs, at least three; NaN below three epochs.
    """
    if len(y) < MIN_TAIL:
        return math.nan
    tail = y[-max(MIN_TAIL, math.ceil(len(y) / 4)) :]
    x = np.arange(len(tail)) - (len(tail) - 1) / 2
    slope = (x @ tail) / (x @ x)
    # With x centred, the line's value at x = 0 is the mean, which std takes off.
    return float(_settle(np.std(tail - slope * x)))


def accuracy_gain(peak: float, rival_peak: float) -> float:
    """Difference of two peak accuracies in percentage points (the paper's Table 2)."""
    return 100 * (peak - rival_peak)


def stability_gain(own: float, rival: float) -> float:
    """``1 - own / rival`` in percent (the paper's Table 3); NaN if the rival's sigma is 0."""
    if rival == 0:
        return math.nan
    return 100 * (1 - own / rival)


def _settle(value: np.ndarray) -> np.ndarray:
    return np.where(value < _ROUNDING, 0.0, value)
