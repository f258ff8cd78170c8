"""What an evaluation returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Scores(NamedTuple):
    """A model's scores on the test part of a data set.

    Attributes:
        accuracy: fraction of the samples that are classified rightly, in [0, 1].
        loss: mean cross-entropy in nats; NaN where the weights are.
        class_accuracy: float64 (classes,), the same fraction within each class; NaN for a class
            without a sample.
    """

    accuracy: float
    loss: float
    class_accuracy: np.ndarray
