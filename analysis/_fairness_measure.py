"""From a results file to the figures that fairness.py shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import _fairness_indices as indices
import numpy as np
from _results import Results, UnreadableFileError

#: The groups that :func:`measure` needs.
GROUPS = ("epochs", "updates", "learners")

#: The figures of a run in the order in which programs are given them. Shares and accuracies are fractions.
FIGURES = (
    *("updates", "dropped", "updates_min", "updates_max", "updates_ratio", "jain"),
    *("overweight", "underweight", "class_distance", "window_distance"),
    *("worst_accuracy", "best_accuracy", "accuracy_spread", "weight_accuracy_correlation"),
    *("staleness_mean", "staleness_median", "staleness_95", "staleness_max"),
    *("gap_mean", "gap_median", "gap_95", "gap_max"),
    *("computing", "waiting", "queued"),
)
#: The figures that are one class's; which class that is bears their name with ``_class``.
OF_A_CLASS = ("overweight", "underweight", "worst_accuracy", "best_accuracy")
CLASSES = tuple(f"{name}_class" for name in OF_A_CLASS)

#: Heights of the distributions that are drawn.
FRACTIONS = np.linspace(0, 1, 201)

# Methods that scale gradients by more than the rate: by their delay, by the learner's pace, by how many a table has.
_OWN_RULE = {"delay-adaptive", "rescaled-asgd", "ringleader", "gsgm-ringleader", "ia2sgd", "malenia", "ca2fl"}


@dataclass(frozen=True)
class Run:
    """One run's figures.

    Attributes:
        file: the results file.
        own_rule: the method scales gradients by more than the rate, so the weights here are not quite its own.
        figures: by name, see :data:`FIGURES`.
        classes: by name, see :data:`CLASSES`; None where undefined, or where all classes are alike.
        by_learner: arrays by name, an entry a learner.
        by_class: arrays by name, an entry a class.
        distance_by_window: mean distance of the class weights in windows of K, 2K, 4K, ... updates.
        staleness, gap: their quantiles at :data:`FRACTIONS`.
    """

    file: Path
    own_rule: bool
    figures: Mapping[str, float]
    classes: Mapping[str, int | None]
    by_learner: Mapping[str, np.ndarray]
    by_class: Mapping[str, np.ndarray]
    distance_by_window: np.ndarray
    staleness: np.ndarray
    gap: np.ndarray


def measure(results: Results, rounds: int = 1) -> Run:
    """Computes the figures of one run.

    Args:
        results: a results file, read with its :data:`GROUPS`.
        rounds: length of the windows in which the class weights are compared, in multiples of K used updates.

    Raises:
        UnreadableFileError: if the file lacks some of what is needed, or has it in another form.
    """
    learners = results.numbers("learners", "learner")
    # A run that has just begun knows its shards already, but has no rows of learners.
    counts = _table(results, "learners", "label_counts", len(learners) or None)[: len(learners)].astype(np.float64)
    place = _places(results, learners)
    used = results.numbers("updates", "applied") == 1
    k = place[used]
    updates = np.bincount(k, minlength=len(learners))
    dropped = np.bincount(place[~used], minlength=len(learners))

    shard = np.nan_to_num(indices.normalised(counts))
    share = indices.normalised(counts.sum(axis=0))
    weight = results.numbers("updates", "lr")[used] * _factor(results, counts)[k]
    total = np.bincount(k, weights=weight, minlength=len(learners)) @ shard
    class_weight = indices.normalised(total)
    relative = indices.divided(class_weight, share)
    windows = indices.in_windows(k, weight, len(learners), max(1, len(learners)))
    accuracy = _final_class_accuracy(results, len(share))

    figures = {
        "updates": float(updates.sum()),
        "dropped": float(dropped.sum()),
        **_evenness(updates),
        "class_distance": float(indices.total_variation(class_weight, share)),
        "window_distance": indices.mean_distance(indices.joined(windows, rounds), shard, share),
        "weight_accuracy_correlation": indices.correlation(relative, accuracy),
    }
    extremes = (*indices.extremes(relative)[::-1], *indices.extremes(accuracy))
    figures |= {name: value for name, (_, value) in zip(OF_A_CLASS, extremes, strict=True)}
    figures["accuracy_spread"] = figures["best_accuracy"] - figures["worst_accuracy"]

    by_learner = {"learner": learners, "updates": updates, "dropped": dropped}
    distributions = {}
    for name in ("staleness", "gap"):
        column = results.numbers("updates", name)[used]
        distributions[name] = indices.quantiles(column, FRACTIONS)
        figures[f"{name}_mean"] = indices.mean(column)
        middle_to_high = indices.quantiles(column, (0.5, 0.95, 1))
        figures |= dict(zip((f"{name}_median", f"{name}_95", f"{name}_max"), map(float, middle_to_high), strict=True))
        by_learner |= _each_learner(name, column, k, len(learners))
    times, learner_times = _times(results, place, len(learners))
    method = results.option("method")
    return Run(
        file=results.path,
        # Of a method from a file of one's own nothing is known.
        own_rule=method in _OWN_RULE or ":" in str(method) or bool(results.option("discount_stale")),
        figures={name: (figures | times)[name] for name in FIGURES},
        classes={name: where for name, (where, _) in zip(CLASSES, extremes, strict=True)},
        by_learner=by_learner | learner_times,
        by_class={"share": share, "weight": class_weight, "relative_weight": relative, "accuracy": accuracy},
        distance_by_window=_distances(windows, shard, share),
        **distributions,
    )


def _evenness(updates: np.ndarray) -> dict[str, float]:
    if not updates.any():
        return dict.fromkeys(("updates_min", "updates_max", "updates_ratio", "jain"), math.nan)
    low, high = float(updates.min()), float(updates.max())
    ratio = high / low if low else math.nan
    return {"updates_min": low, "updates_max": high, "updates_ratio": ratio, "jain": indices.jain(updates)}


def _factor(results: Results, counts: np.ndarray) -> np.ndarray:
    """What each learner's gradients are multiplied by besides the rate: 1, or K·n_k/n."""
    if results.option("weighting") != "samples":
        return np.ones(len(counts))
    return len(counts) * indices.normalised(counts.sum(axis=1))


def _distances(windows: np.ndarray, shard: np.ndarray, share: np.ndarray) -> np.ndarray:
    lengths = 2 ** np.arange(len(windows).bit_length())
    return np.array([indices.mean_distance(indices.joined(windows, n), shard, share) for n in lengths])


def _each_learner(name: str, column: np.ndarray, k: np.ndarray, learners: int) -> dict[str, np.ndarray]:
    order = np.argsort(k, kind="stable")
    parts = np.split(column[order], np.searchsorted(k[order], np.arange(1, learners))) if learners else []
    return {
        f"{name}_mean": np.array([indices.mean(part) for part in parts]),
        f"{name}_95": np.array([indices.quantiles(part, (0.95,))[0] for part in parts]),
    }


def _times(results: Results, place: np.ndarray, learners: int) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Shares of the learner-seconds, which are K times the time of the last update; and each learner's own."""
    arrival = results.numbers("updates", "arrival_s")
    queued = results.numbers("updates", "queued_s")
    step = results.numbers("updates", "step")
    # A message of n steps is n rows, and waited once.
    again = np.zeros(len(place), bool)
    again[1:] = (np.diff(place) == 0) & (np.diff(step) == 1) & (np.diff(arrival) == 0)
    seconds = {
        "computing": results.numbers("learners", "compute_s"),
        "waiting": results.numbers("learners", "wait_s"),
        "queued": np.bincount(place[~again], weights=queued[~again], minlength=learners),
    }
    last = np.max(arrival + queued, initial=0.0)
    each = {name: indices.divided(values, np.asarray(last)) for name, values in seconds.items()}
    return {name: indices.mean(values) for name, values in each.items()}, each


def _final_class_accuracy(results: Results, classes: int) -> np.ndarray:
    epochs = len(results.numbers("epochs", "epoch"))
    accuracy = _table(results, "epochs", "class_accuracy", epochs)
    if epochs == 0:
        return np.full(classes, math.nan)
    if accuracy.shape[1] != classes:
        raise UnreadableFileError(results.path, "/epochs/class_accuracy and /learners/label_counts differ in classes")
    return np.where(np.isfinite(accuracy[-1]), accuracy[-1], math.nan)


def _places(results: Results, learners: np.ndarray) -> np.ndarray:
    """The row of /learners that each update's learner has."""
    learner = results.numbers("updates", "learner")
    order = np.argsort(learners, kind="stable")
    if not np.isin(learner, learners).all():
        raise UnreadableFileError(results.path, "/updates/learner names a learner that /learners does not have")
    return order[np.searchsorted(learners, learner, sorter=order)]


def _table(results: Results, group: str, name: str, rows: int | None) -> np.ndarray:
    table = results.column(group, name)
    if table.ndim != 2 or len(table) != (len(table) if rows is None else rows) or table.dtype.kind not in "iuf":
        raise UnreadableFileError(
            results.path, f"/{group}/{name} is not a table of numbers with as many rows as /{group}"
        )
    return table
