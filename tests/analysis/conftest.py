"""Tiny runs, written by hand into the folder of a test."""

import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.analysis import watched
from tests.analysis.handmade import epoch_columns, write_results

ANALYSIS = Path(__file__).parents[2] / "analysis"
# The scripts import their siblings by bare name, as they do when they are run by path.
sys.path.insert(0, str(ANALYSIS))

CONFIG = {
    "method": "gsgm",
    "algo": "sgd",
    "dataset": "cifar10",
    "model": "lenet",
    "partition": "sorted",
    "learners": 4,
    "seed": 1,
    "epochs": 4,
}


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a results file of the given accuracies; keywords replace options of the run."""

    def write(name: str, accuracy: Sequence[float], status: str = "finished", **options) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        return write_results(path, {"epochs": epoch_columns(accuracy)}, CONFIG | options, status, schema_version=1)

    return write


@pytest.fixture
def write_seeds(write_run):
    """Writes runs of two epochs, with seeds from 1: of each, its peak accuracy and its sigma over both epochs.

    With two epochs the standard deviation is half their distance. No three epochs, so sigma tail is undefined.
    """

    def write(method, *runs, status="finished", prefix="", **options):
        for seed, (peak, sigma) in enumerate(runs, start=1):
            name = f"{prefix}{method}-{seed}.h5"
            write_run(name, [peak - 2 * sigma, peak], status, **{"method": method, "seed": seed, "epochs": 2} | options)

    return write


@pytest.fixture
def three_methods(write_seeds):
    """GSGM's peaks over DSGD's by 1, 2, 3 points, over PSGD-1's by 1, 1.1, 1.2; its sigmas 1/2, 1/4, 1/8 of DSGD's."""
    write_seeds("gsgm", (0.81, 0.01), (0.82, 0.01), (0.83, 0.01))
    write_seeds("downpour", (0.80, 0.02), (0.80, 0.04), (0.80, 0.08))
    write_seeds("ssp", (0.80, 0.02), (0.809, 0.02), (0.818, 0.02), staleness=1)


@pytest.fixture
def write_compared(tmp_path):
    """Writes a run of one evaluation every 100 updates; keywords after ``classes`` replace its options."""

    def write(
        name, accuracy, status="finished", *, seconds=2.0, gradients=100, sent=1000, virtual=True, classes=10, **options
    ):
        spent = {"update": 100, "gradients": gradients, "sent_bytes": sent, "wall_s": 7.0}
        table = epoch_columns(accuracy, **spent, virtual_s=seconds if virtual else math.nan)
        if classes is not None:
            table["class_accuracy"] = np.zeros((len(accuracy), classes))
        config = {"method": "gsgm", "algo": "sgd", "learners": 4, "seed": 1, "epochs": 16}
        return write_results(tmp_path / name, {"epochs": table}, config | options, status)

    return write


@pytest.fixture
def two_compared(write_compared, tmp_path):
    """Two seeds of two methods: DSGD is twice as fast, computes twice the gradients and sends half the bytes."""
    write_compared("g1.h5", [0.2, 0.5, 0.8, 0.9])
    write_compared("g2.h5", [0.2, 0.4, 0.7, 0.8], seed=2)
    dsgd = {"method": "downpour", "seconds": 1.0, "gradients": 200, "sent": 500}
    write_compared("d1.h5", [0.3, 0.6, 0.5, 0.6], **dsgd)
    write_compared("d2.h5", [0.3, 0.6, 0.7, 0.7], **dsgd, seed=2)
    return tmp_path


@pytest.fixture
def write_curve(tmp_path):
    """Writes a results file with all columns that a curve can be drawn against; keywords are options of the run."""

    def write(name, accuracy, status="finished", columns=(), **options):
        path = tmp_path / "runs" / name
        path.parent.mkdir(exist_ok=True)
        spent = {"update": 600, "gradients": 700, "sent_bytes": 10**6, "wall_s": 10.0, "virtual_s": math.nan}
        config = {"method": "gsgm", "algo": "sgd", "learners": 10, "partition": "sorted", "seed": 1, "epochs": 4}
        table = epoch_columns(accuracy, **spent) | dict(columns)
        return write_results(path, {"epochs": table}, config | options, status)

    return write


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, by the name of their file."""
    saved = {}
    save = Figure.savefig

    def keep(figure, path, **options):
        saved[Path(path).name] = figure
        save(figure, path, **options | {"dpi": 30})

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


@pytest.fixture
def write_watched(tmp_path):
    """Writes a run that is under way, see ``watched.write``."""
    return partial(watched.write, tmp_path)
