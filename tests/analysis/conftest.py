"""Tiny results files written by hand, as the specification of the file says, not by the program."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest

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
        with h5py.File(path, "w") as file:
            epochs = file.create_group("epochs")
            epochs["epoch"] = np.arange(1, len(accuracy) + 1, dtype=np.int64)
            epochs["test_accuracy"] = np.array(accuracy, np.float64)
            provenance = file.create_group("provenance").attrs
            provenance["schema_version"] = np.int64(1)
            provenance["config"] = json.dumps(CONFIG | options)
            provenance["status"] = status
        return path

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
