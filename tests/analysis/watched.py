"""A run as watch.py finds it: 5 of 10 epochs are done, and the file was written a moment before NOW."""

import os

import numpy as np

from tests.analysis.handmade import write_results

NOW = 1_800_000_000.0
# Batches of 10: 2 + 4 = 6 updates an epoch, 60 in all.
CONFIG = {
    "method": "ssp",
    "staleness": 1,
    "algo": "sgd",
    "dataset": "digits",
    "model": "mlp",
    "partition": "sorted",
    "learners": 2,
    "seed": 1,
    "epochs": 10,
    "inner_epochs": 3,
    "batch_size": 10,
    "clock": "virtual",
    "speeds": "spread:5",
    "budget": "handed-out",
}
EPOCHS = {
    "epoch": np.arange(1, 6),
    "update": np.arange(6, 31, 6),
    "wall_s": [2.0, 4.0, 6.0, 7.0, 8.0],
    "virtual_s": [1.0, 2.0, 3.0, 4.0, 5.0],
    "test_accuracy": [0.2, 0.5, 0.7, 0.9, 0.8],
    "test_loss": [2.0, 1.0, 0.7, 0.5, 0.6],
    "train_loss": [2.0, 1.0, 0.7, 0.4, 0.3],
}
# Learner 1 sends two of three; the last gradient is dropped.
UPDATES = {
    "update": np.arange(1, 31),
    "learner": np.array([1, 1, 2] * 10, np.int32),
    "staleness": np.arange(30),
    "loss": np.full(30, 0.5, np.float32),
    "compute_s": [0.1, 0.1, 0.3] * 10,
    "arrival_s": np.arange(30) / 6,
    "applied": np.array([1] * 29 + [0], np.uint8),
}
LEARNERS = {
    "learner": np.array([1, 2], np.int32),
    "samples": [20, 40],
    "updates": [20, 9],
    "dropped": [0, 1],
    "compute_s": [2.0, 2.7],
    "wait_s": [6.0, 0.3],
}


def write(
    folder, name="run.h5", status="running", ago=2.0, config=None, epochs=None, updates=None, learners=None, **more
):
    """Writes the run ``ago`` seconds before NOW; columns of the groups and attributes can be replaced."""
    groups = {
        "epochs": EPOCHS | (epochs or {}),
        "updates": UPDATES | (updates or {}),
        "learners": LEARNERS | (learners or {}),
    }
    attributes = {
        "start": "2027-01-15T08:00:00+00:00",
        "end": "" if status == "running" else "2027-01-15T09:30:00+00:00",
        "hosts": '["one", "one", "two", "three"]',
        "resumed": "[]",
    }
    # It takes the place of the one before as a whole, as the program does it.
    path = folder / name
    beside = write_results(
        path.with_name(f".{path.name}.part"), groups, CONFIG | (config or {}), status, **attributes | more
    )
    os.utime(beside, (NOW - ago, NOW - ago))
    return beside.replace(path)


def rows(columns, last):
    return {name: np.asarray(values)[:last] for name, values in columns.items()}
