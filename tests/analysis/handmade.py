"""Results files written by hand, as the specification of the file says, not by the program."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np


def write_results(path: Path, groups: Mapping, config: Mapping, status: str = "finished", **attributes) -> Path:
    """Writes columns by group and name; ``attributes`` are more of those of /provenance."""
    with h5py.File(path, "w") as file:
        for group, table in groups.items():
            for name, values in table.items():
                file[f"{group}/{name}"] = np.asarray(values)
        file.create_group("provenance").attrs.update({"config": json.dumps(config), "status": status} | attributes)
    return path


def epoch_columns(accuracy: Sequence, **spent) -> dict[str, np.ndarray]:
    """Columns of /epochs; keywords are columns that grow by so much with each epoch."""
    n = np.arange(1, len(accuracy) + 1)
    return {"epoch": n, "test_accuracy": np.array(accuracy, np.float64)} | {k: each * n for k, each in spent.items()}


def columns(kinds: Mapping[str, str], rows: Iterable[Sequence]) -> dict[str, np.ndarray]:
    """A group told row by row; ``kinds`` has the names of its columns, each with the type of its numbers."""
    tables = zip(*rows, strict=True) if rows else [()] * len(kinds)
    return {name: np.array(values, kinds[name]) for name, values in zip(kinds, tables, strict=True)}


def remove(path: Path, *names: str) -> None:
    """Takes groups or columns out of a file."""
    with h5py.File(path, "r+") as file:
        for name in names:
            del file[name]


def replace(path: Path, name: str, values: object) -> None:
    """Puts other values in the place of a column, of another length and type if need be."""
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = values
