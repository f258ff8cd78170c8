"""Keeps the record of a running run: rows, evaluations, the file, the progress lines.

Evaluation runs in a thread of its own on a copy of the weights, so that the server goes on serving (torch releases the
interpreter while it computes). It can therefore never change which gradient is used next. Its results are collected in
order, when the server has nothing else to do.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from gsgm_mpi.engines.clock import Happening, Kind
from gsgm_mpi.engines.conductor import Expected, UpdateRow
from gsgm_mpi.learners import Vector
from gsgm_mpi.plan import Plan
from gsgm_mpi.program.progress import Progress
from gsgm_mpi.program.wall import complain, date
from gsgm_mpi.results.recorder import Recorder
from gsgm_mpi.results.table import Table

#: Evaluations that may wait; one more, and the server waits for the oldest.
_MAX_WAITING = 4
#: The file is written at the end of an epoch, but never takes more than this fraction of the server's time.
_WRITING_SHARE = 0.05


#: What is summed up from event to event, and in every checkpoint.
_SUMS = (
    "_now_s", "_update", "_passes", "_sent_bytes", "_loss_sum", "_loss_count", "_train_loss", "_lr", "_used",
    "_dropped", "_compute_s", "_wait_s",
)  # fmt: skip


class _Waiting(NamedTuple):
    row: dict[str, Any]
    scores: Future[Any]


class Journal:
    """Observer of the conductor and of the server.

    Args:
        recorder: holds the tables and writes the file.
        evaluate: weights, shape (d,), to scores with ``accuracy``, ``loss`` and ``class_accuracy``.
        plan: of the run.
        progress: prints.
        evaluations_per_update: batch gradients that one update costs (2 under svrg).
        elapsed: seconds on the wall since the run began.
        virtual: whether the times of events are virtual.
    """

    def __init__(
        self,
        recorder: Recorder,
        evaluate: Callable[[Vector], Any],
        plan: Plan,
        progress: Progress,
        evaluations_per_update: int,
        elapsed: Callable[[], float],
        *,
        virtual: bool = False,
    ) -> None:
        self._recorder = recorder
        self._evaluate = evaluate
        self._plan = plan
        self._progress = progress
        self._cost = evaluations_per_update
        self._elapsed = elapsed
        self._now_s = 0.0 if virtual else np.nan
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evaluation")
        self._waiting: deque[_Waiting] = deque()
        self._wrote_at = -np.inf
        self._write_s = 0.0
        self._update = 0
        self._passes = 0
        self._sent_bytes = 0
        self._loss_sum = 0.0
        self._loss_count = 0
        self._train_loss = np.nan
        self._lr = plan.lr_at(0)
        learners = range(plan.learners + 1)
        self._used = [0 for _ in learners]
        self._dropped = [0 for _ in learners]
        self._compute_s = [0.0 for _ in learners]
        self._wait_s = [0.0 for _ in learners]

    def on_update(self, row: UpdateRow) -> None:
        """Writes a row of ``/updates``."""
        self._recorder.updates.append(row)
        self._update = row.update
        self._lr = row.lr
        self._loss_sum += row.loss
        self._loss_count += 1
        (self._used if row.applied else self._dropped)[row.learner] += 1

    def on_epoch(self, epoch: int, update: int, w: Vector) -> None:
        """Starts an evaluation and notes what the epoch's row will hold besides."""
        if self._loss_count:  # a long message may complete several epochs at once
            self._train_loss = self._loss_sum / self._loss_count
        row = {
            "epoch": epoch,
            "update": update,
            "gradients": self._cost * update + self._passes * self._plan.epoch_updates,
            "sent_bytes": self._sent_bytes,
            "outer": self._plan.loop_of_epoch(epoch),
            "wall_s": self._elapsed(),
            "virtual_s": self._now_s,
            "train_loss": self._train_loss,
            "lr": self._lr,
        }
        self._loss_sum, self._loss_count = 0.0, 0
        self._waiting.append(_Waiting(row, self._pool.submit(self._evaluate, w.copy())))
        while len(self._waiting) > _MAX_WAITING:
            self._collect()

    def on_event(self, happening: Happening, fingerprint: int = 0, expected: Expected | None = None) -> None:
        """Writes a row of ``/trace``.

        Args:
            happening: what has happened.
            fingerprint: of the message, or of the full gradient.
            expected: of a message: what was known of it.
        """
        kind, k, seconds, wait_s, arrival_s, now_s = happening
        if not np.isnan(self._now_s):
            self._now_s = now_s
        if kind == Kind.MESSAGE:
            self._compute_s[k] += seconds
            self._wait_s[k] += wait_s
        elif kind == Kind.FULL_GRADIENT:
            self._passes += 1
        step, sent_s = expected or (0, arrival_s)
        trace = self._recorder.trace
        trace.append((len(trace), kind, k, step, sent_s, seconds, wait_s, arrival_s, fingerprint))

    def on_sent(self, payload_bytes: int) -> None:
        """Adds to the epoch's ``sent_bytes``."""
        self._sent_bytes += payload_bytes

    @property
    def now_s(self) -> float:
        """Virtual time; NaN under the wall clock."""
        return self._now_s

    def tick(self) -> bool:
        """Does what is due: collects a finished evaluation, writes the file, prints; says whether it did anything."""
        self._progress.tick(self._update)
        if not (self._waiting and self._waiting[0].scores.done()):
            return False
        self._collect()
        if time.perf_counter() - self._wrote_at > self._write_s / _WRITING_SHARE:
            self.write()
        return True

    def settle(self) -> None:
        """Waits for all evaluations that are under way."""
        while self._waiting:
            self._collect()

    def state(self) -> dict[str, Any]:
        """All rows and sums: arrays and numbers."""
        self.settle()
        rows = {name: table.rows for name, table in self._tables().items()}
        accuracy = np.array(self._recorder.class_accuracy)
        return rows | {"class_accuracy": accuracy} | {name: getattr(self, name) for name in _SUMS}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state that :meth:`state` gave."""
        for name, table in self._tables().items():
            table.rows = state[name]
        self._recorder.class_accuracy = list(state["class_accuracy"])
        for name in _SUMS:
            setattr(self, name, np.asarray(state[name]).tolist())
        epochs = self._recorder.epochs
        if len(epochs):
            self._progress.on_epoch({column.name: epochs[column.name][-1] for column in epochs.columns})

    def finish(self, status: str, error: str = "") -> None:
        """Collects what is left, and writes the file with the status it ended in."""
        while self._waiting:
            scores = self._waiting[0].scores
            if status == "failed" and (not scores.done() or scores.exception()):
                # Other ranks wait for the end, and an evaluation may be the very failure that is being reported.
                break
            self._collect()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._fill_learners()
        self._recorder.finish(status, error)

    def complain(self, text: str) -> None:
        """Says what went wrong without ending the run, and notes it in the file."""
        complain(text)
        self._recorder.note(f"{date()}  {text}")

    def write(self) -> None:
        """Writes the file as it stands; where that fails, says so and leaves the old one until the next time."""
        began = time.perf_counter()
        self._fill_learners()
        try:
            self._recorder.write()
        except (OSError, RuntimeError) as error:  # HDF5 raises the latter on a full disk
            self.complain(f"the results file could not be written, the next epoch tries again: {error}")
        self._wrote_at = time.perf_counter()
        self._write_s = self._wrote_at - began

    def _collect(self) -> None:
        row, scores = self._waiting.popleft()
        found = scores.result()
        row |= {"test_accuracy": found.accuracy, "test_loss": found.loss}
        epochs = self._recorder.epochs
        epochs.append(tuple(row[column.name] for column in epochs.columns))
        self._recorder.class_accuracy.append(found.class_accuracy)
        self._progress.on_epoch(row)

    def _tables(self) -> dict[str, Table]:
        recorder = self._recorder
        return {"updates": recorder.updates, "epochs": recorder.epochs, "trace": recorder.trace}

    def _fill_learners(self) -> None:
        self._recorder.set_learners(self._used[1:], self._dropped[1:], self._compute_s[1:], self._wait_s[1:])
