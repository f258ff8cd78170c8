"""From a results file to the figures that watch.py shows."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from _cells import method_name
from _results import Results

#: Rates of updates are also given over so many epochs before the last.
RECENT_EPOCHS = 3
#: Of ``/updates`` only so many rows at the end are read: a file of millions costs no more than a small one.
TAIL_ROWS = 5000
# Staleness and times of learners are those of so many rows, or of this many a learner if that is more.
_RECENT_ROWS, _RECENT_ROWS_PER_LEARNER = 1000, 50
_WHOLE = ("epoch", "update", "learner", "updates", "dropped", "samples", "staleness")
#: A run with such a status writes its file no more.
ENDED = ("finished", "stopped", "diverged", "failed")


@dataclass(frozen=True)
class Learner:
    """One learner.

    Attributes:
        learner: its number.
        used: gradients of it that were used, over the whole run.
        dropped: gradients of it that were dropped.
        median_s: median computing time of its recent gradients; NaN: it has none.
        times: that in multiples of the median over the learners' medians.
        waiting: share of waiting in its time, over the whole run.
        arrivals_s: when its recent messages came, rising.
    """

    learner: int
    used: int
    dropped: int
    median_s: float
    times: float
    waiting: float
    arrivals_s: np.ndarray


@dataclass(frozen=True)
class Measured:
    """What one reading of a results file says; seconds of a virtual run are virtual unless it says wall.

    Attributes:
        results: the file, read with its epochs, learners and last updates.
        method: its name as the papers have it.
        done: gradients used or dropped.
        total: gradients of the whole run; None: unknown.
        epoch: completed epochs.
        accuracy: fraction after each of them; NaN where it is not finite.
        test_loss: after the last epoch; ``train_loss`` alike. NaN: none yet.
        peak: index of the highest accuracy; None: there is none.
        epoch_times_s: wall-clock seconds of each epoch.
        rates: updates a wall-clock second, recent and overall; ``virtual_rates`` a virtual one.
        staleness: of recent used gradients: mean, 95 % quantile, highest.
        recent: how many of them there are.
        recent_rows: how many of the last gradients count as recent, dropped ones included.
        last_arrival_s: of all recent messages; NaN: none.
        learners: a row each.
        waiting: share of waiting in the time of all learners.
        bad_update: number of the first recent update whose loss is not finite; None: all are.
        notes: warnings that the run itself has written.
    """

    results: Results
    method: str
    done: int
    total: int | None
    epoch: np.ndarray
    accuracy: np.ndarray
    test_loss: float
    train_loss: float
    peak: int | None
    epoch_times_s: np.ndarray
    rates: tuple[float, float]
    virtual_rates: tuple[float, float]
    staleness: tuple[float, float, float]
    recent: int
    recent_rows: int
    last_arrival_s: float
    learners: tuple[Learner, ...]
    waiting: float
    bad_update: int | None
    notes: tuple[str, ...]

    @property
    def ended(self) -> bool:
        """The run writes its file no more."""
        return self.results.status in ENDED

    @property
    def longest_interval_s(self) -> float:
        """The longest time between two recent messages of one learner; 0: no learner has sent two."""
        return max(
            (float(np.diff(one.arrivals_s).max()) for one in self.learners if len(one.arrivals_s) > 1), default=0
        )

    @property
    def left_s(self) -> float:
        """Wall-clock seconds that the run needed when the file was written; NaN: unknown."""
        rate = self.rates[0] if self.rates[0] > 0 else self.rates[1]
        if self.total is None or not rate > 0:
            return math.nan
        return (self.total - self.done) / rate


def measure(results: Results) -> Measured:
    """Computes the figures of one run.

    Args:
        results: a results file, read with its ``epochs``, ``learners`` and the last rows of its ``updates``.

    Raises:
        UnreadableFileError: if a data set is missing or is no column of numbers.
    """
    epochs = _columns(
        results, "epochs", ("epoch", "update", "wall_s", "virtual_s", "test_accuracy", "test_loss", "train_loss")
    )
    updates = _columns(
        results, "updates", ("update", "learner", "staleness", "loss", "compute_s", "arrival_s", "applied")
    )
    accuracy = np.where(np.isfinite(epochs["test_accuracy"]), epochs["test_accuracy"], math.nan)
    seen = [int(column[-1]) for column in (epochs["update"], updates["update"]) if len(column)]
    done = max(seen, default=0)
    total = _total(results)
    bad = updates["update"][~np.isfinite(updates["loss"])]
    bad_update = int(bad[0]) if len(bad) else None
    rows = min(max(_RECENT_ROWS, _RECENT_ROWS_PER_LEARNER * results.column("learners", "learner").size), TAIL_ROWS)
    recent = {name: column[-rows:] for name, column in updates.items()}
    learners, waiting = _learners(results, recent)
    staleness = recent["staleness"][recent["applied"] != 0]
    return Measured(
        results=results,
        method="-" if results.option("method") is None else method_name(results),
        done=done,
        # Where learners average among themselves, a run's end is rounded up to full rounds.
        total=None if total is None else max(total, done),
        epoch=epochs["epoch"].astype(int),
        accuracy=accuracy,
        test_loss=_last(epochs["test_loss"]),
        train_loss=_last(epochs["train_loss"]),
        peak=int(np.nanargmax(accuracy)) if np.isfinite(accuracy).any() else None,
        epoch_times_s=np.diff(epochs["wall_s"], prepend=0.0),
        rates=_rates(epochs["update"], epochs["wall_s"]),
        virtual_rates=_rates(epochs["update"], epochs["virtual_s"]),
        staleness=_mean_95_max(staleness),
        recent=len(staleness),
        recent_rows=len(recent["update"]),
        last_arrival_s=float(recent["arrival_s"].max()) if len(recent["arrival_s"]) else math.nan,
        learners=learners,
        waiting=waiting,
        bad_update=bad_update,
        notes=_notes(results),
    )


def _columns(results: Results, group: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    return {name: results.numbers(group, name, whole=name in _WHOLE).astype(np.float64) for name in names}


def _learners(results: Results, recent: dict[str, np.ndarray]) -> tuple[tuple[Learner, ...], float]:
    columns = _columns(results, "learners", ("learner", "updates", "dropped", "compute_s", "wait_s"))
    own = [recent["learner"] == k for k in columns["learner"]]
    medians = np.array([np.median(recent["compute_s"][rows]) if rows.any() else math.nan for rows in own], float)
    typical = np.median(medians[np.isfinite(medians)]) if np.isfinite(medians).any() else math.nan
    times = medians / typical if typical > 0 else np.full(len(medians), math.nan)
    learners = tuple(
        Learner(
            learner=int(columns["learner"][i]),
            used=int(columns["updates"][i]),
            dropped=int(columns["dropped"][i]),
            median_s=float(medians[i]),
            times=float(times[i]),
            waiting=_share(columns["wait_s"][i], columns["compute_s"][i]),
            # Several rows are one message where learners take several steps.
            arrivals_s=np.unique(recent["arrival_s"][own[i]]),
        )
        for i in range(len(own))
    )
    return learners, _share(columns["wait_s"].sum(), columns["compute_s"].sum())


def _share(part: float, rest: float) -> float:
    return float(part / (part + rest)) if part + rest > 0 else math.nan


def _last(column: np.ndarray) -> float:
    return float(column[-1]) if len(column) else math.nan


def _rates(update: np.ndarray, seconds: np.ndarray) -> tuple[float, float]:
    """Updates a second over the last epochs, and over all."""
    update, seconds = (np.concatenate([[0.0], column]) for column in (update, seconds))
    rates = []
    for first in (max(0, len(update) - 1 - RECENT_EPOCHS), 0):
        took = seconds[-1] - seconds[first]
        rates.append(float((update[-1] - update[first]) / took) if took > 0 else math.nan)
    return rates[0], rates[1]


def _mean_95_max(x: np.ndarray) -> tuple[float, float, float]:
    if not len(x):
        return math.nan, math.nan, math.nan
    return float(x.mean()), float(np.quantile(x, 0.95, method="inverted_cdf")), float(x.max())


def _total(results: Results) -> int | None:
    """Gradients of the whole run: epochs of one batch after another of every learner's samples."""
    epochs, batch_size = results.option("epochs"), results.option("batch_size")
    samples = _columns(results, "learners", ("samples",))["samples"].astype(int)
    if not isinstance(epochs, int) or not isinstance(batch_size, int) or batch_size < 1 or not len(samples):
        return None
    of_epoch = sum(-(-n // batch_size) for n in samples.tolist())
    inner = results.option("inner_epochs")
    if results.option("algo") != "svrg" or not isinstance(inner, int) or results.option("budget") == "per-learner":
        return epochs * of_epoch
    # Under SVRG every loop is rounded up to full rounds of the learners.
    whole, rest = divmod(epochs, max(inner, 1))
    return sum(n * -(-loop * of_epoch // len(samples)) * len(samples) for n, loop in ((whole, inner), (1, rest)))


def _notes(results: Results) -> tuple[str, ...]:
    text = results.provenance.get("notes")
    if not isinstance(text, str) or not text:
        return ()
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = text
    return tuple(map(str, found)) if isinstance(found, list) else (str(found),)
