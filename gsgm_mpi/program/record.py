"""The record of a run: tables, file, progress lines, put together alike for a run and for its replay."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gsgm_mpi.methods import Method
from gsgm_mpi.program.journal import Journal
from gsgm_mpi.program.parts import Parts
from gsgm_mpi.program.progress import Progress
from gsgm_mpi.program.provenance import provenance
from gsgm_mpi.program.wall import say
from gsgm_mpi.results.recorder import Recorder


class Record(NamedTuple):
    """Where everything that happens is noted."""

    recorder: Recorder
    progress: Progress
    journal: Journal


def open_record(
    parts: Parts,
    method: Method,
    output: Path | None,
    *,
    ranks: list[str],
    learners: Sequence[str],
    updates: int,
    elapsed: Callable[[], float],
    more: Mapping[str, Any],
    start: str = "",
) -> Record:
    """A record with nothing in it.

    Args:
        parts: of the run.
        method: whose weights are written.
        output: the results file; None: nothing is written.
        ranks: host of each rank.
        learners: host of each learner; empty where ranks compute for any of them.
        updates: of the whole run, for the time that is left.
        elapsed: seconds on the wall since the run began.
        more: attributes of ``/provenance`` beside the usual ones.
        start: when the run began, where that is not now.
    """
    config, plan = parts.config, parts.plan
    recorder = Recorder(
        output,
        provenance(parts, ranks) | dict(more),
        hosts=list(learners),
        label_counts=parts.label_counts,
        weights=lambda: method.w,
        start=start,
    )
    progress = Progress(plan.epochs, updates, config.report_every, clock=time.monotonic, say=say)
    evaluations = 2 if config.algo == "svrg" else 1
    virtual = config.clock == "virtual"
    journal = Journal(recorder, parts.problem.evaluate, plan, progress, evaluations, elapsed, virtual=virtual)
    return Record(recorder, progress, journal)
