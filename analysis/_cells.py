"""Sorts runs into cells: a method under a setting, with one run for each seed.

Scripts that compare runs look at all of them together. What differs between the runs' surroundings (learners, speeds,
model, ...) is their setting; what differs otherwise (gate, period, rate, ...) is part of the method's name where the
name alone does not tell two runs of one seed apart.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from _results import Results, UnreadableFileError, expand, read
from _script import each

Measured = TypeVar("Measured")

#: Options that belong to the method, besides those that are its own.
OF_METHOD = ("method", "gate", "local_momentum", "lr")
#: Options that say how a run is kept and where its data lies, not what it is.
OF_KEEPING = ("data_dir", "cache_dir", "download", "output", "force", "checkpoint_every", "resume", "report_every")
#: All other options that every run has, the seed excepted: the setting.
OF_SETTING = (
    *("dataset", "model", "algo", "learners", "partition", "clock", "durations", "gradient_time", "durations_from"),
    *("speeds", "slow", "latency", "bandwidth", "server_time", "outages", "epochs", "inner_epochs", "batch_size"),
    *("lr_decay", "warmup_epochs", "weight_decay", "augment", "weighting", "budget", "validation"),
    *("device", "memory_format", "threads"),
)

#: A run with such a status is whole.
ENDED = ("finished", "diverged")

# The names that the papers use; every other method goes by its own.
_PAPERS = {
    "gsgm": "GSGM",
    "ssgd": "SSGD",
    "k-avg": "K-AVG",
    "hier-avg": "Hier-AVG",
    "od-sgd": "OD-SGD",
    "dana-zero": "DANA-Zero",
    "dana-slim": "DANA-Slim",
    "dana-dc": "DANA-DC",
    "nag-asgd": "NAG-ASGD",
    "multi-asgd": "Multi-ASGD",
    "lwp": "LWP",
    "dc-asgd": "DC-ASGD",
    "dc-asgd-a": "DC-ASGD-a",
    "fedavg": "FedAvg",
    "fedbuff": "FedBuff",
    "ca2fl": "CA2FL",
    "easgd": "EASGD",
    "eamsgd": "EAMSGD",
    "ringleader": "Ringleader",
    "ringmaster": "Ringmaster",
    "malenia": "Malenia",
    "ormo": "OrMo",
    "ia2sgd": "IA2SGD",
    "rescaled-asgd": "Rescaled ASGD",
}
_UNDER_SGD, _UNDER_SVRG = {"downpour": "DSGD", "ssp": "PSGD"}, {"downpour": "ASVRG", "ssp": "DVRG"}
#: The order in which methods are shown: the paper's, then all others by name.
_FIRST = ("GSGM", "DSGD", "ASVRG", "PSGD", "DVRG", "SSGD")


@dataclass(frozen=True)
class Cell:
    """What runs of several seeds have in common.

    Attributes:
        method: the method's name, as the papers have it.
        setting: name and value of each option of the setting in which the runs differ; None: not given.
    """

    method: str
    setting: tuple[tuple[str, object], ...]


def load(
    paths: Sequence[str | Path], groups: Sequence[str] = ("epochs",)
) -> tuple[list[Results], list[UnreadableFileError]]:
    """Reads files, and all ``*.h5`` files of folders; what cannot be read does not stop the rest.

    Args:
        paths: files and folders.
        groups: see :func:`_results.read`.
    """
    files, unreadable = expand(paths)
    runs = []
    for file in files:
        try:
            run = read(file, groups)
            _check(run)
            runs.append(run)
        except UnreadableFileError as error:
            unreadable.append(error)
    return runs, unreadable


def load_measured(
    paths: Sequence[str | Path], groups: Sequence[str], measure: Callable[[Results], Measured]
) -> tuple[list[Results], dict[Path, Measured], list[UnreadableFileError]]:
    """Reads and measures one file after the other, and keeps the epochs only: a run may have millions of updates.

    Args:
        paths: files and folders.
        groups: what ``measure`` needs, ``epochs`` among it.
        measure: raises :class:`UnreadableFileError` where a file turns out to be damaged.

    Returns:
        The runs that could be measured, what was, by file, and the others.
    """
    files, unreadable = expand(paths)
    kept: list[Results] = []
    measured: dict[Path, Measured] = {}
    for file in files:
        runs, errors = load([file], groups)
        unreadable += errors
        runs, found = each(runs, measure, unreadable)
        measured |= found
        kept += [replace(run, groups={"epochs": run.groups["epochs"]}) for run in runs]
    return kept, measured, unreadable


def _check(run: Results) -> None:
    for name, value in run.config.items():
        if isinstance(value, list | dict):
            raise UnreadableFileError(run.path, f"/provenance/config has no single value for {name}")


def cells(runs: Sequence[Results]) -> dict[Cell, dict[int, Results]]:
    """The runs by cell and seed, in the order in which they are to be shown.

    Of several runs of one configuration and seed the first one that has ended is kept, else the first.
    """
    varying = [option for option in OF_SETTING if len({_value(run, option) for run in runs}) > 1]
    settings = {run.path: tuple((option, _value(run, option)) for option in varying) for run in runs}
    names = _distinct_names(runs, settings)
    found: dict[Cell, dict[int, Results]] = defaultdict(dict)
    for run in sorted(runs, key=lambda run: run.status not in ENDED):
        found[Cell(names[run.path], settings[run.path])].setdefault(seed(run), run)
    return {cell: dict(sorted(found[cell].items())) for cell in sorted(found, key=_place)}


def settings(found: Iterable[Cell]) -> list[tuple[tuple[str, object], ...]]:
    """Each setting once, in the order of the cells."""
    return list(dict.fromkeys(cell.setting for cell in found))


def methods(found: Iterable[Cell]) -> list[str]:
    """Each method's name once, in the order in which they are to be shown."""
    return sorted({cell.method for cell in found}, key=_rank)


def seed(run: Results) -> int:
    """The seed of a run; 0 where the file does not know it."""
    value = run.option("seed")
    return value if isinstance(value, int) else 0


def notes(runs: Iterable[Results]) -> list[str]:
    """A line for each run whose figures are not those of a finished one; read with their ``epochs``."""
    return [
        f"note: {run.path.name}: {run.status}, {len(run.column('epochs', 'epoch'))} of {run.option('epochs')} epochs"
        + ("" if run.status in ENDED else " so far")
        for run in runs
        if run.status != "finished"
    ]


def repeats(runs: Iterable[Results], found: Mapping[Cell, Mapping[int, Results]]) -> list[str]:
    """A line for each run that is in no cell, because another of its configuration and seed is."""
    kept = {run.path for by_seed in found.values() for run in by_seed.values()}
    return [
        f"note: {run.path.name}: left out, another file has a run of the same configuration and seed {seed(run)}"
        for run in runs
        if run.path not in kept
    ]


def method_name(run: Results) -> str:
    """The method as the papers call it, e.g. ``PSGD-1-LM``; with the gate where it is not the method's own."""
    method, gate, staleness = (run.option(name) for name in ("method", "gate", "staleness"))
    family = _UNDER_SVRG if run.option("algo") == "svrg" else _UNDER_SGD
    name = str(family.get(str(method)) or _PAPERS.get(str(method)) or method)
    bound = f"-{staleness}" if staleness is not None else ""
    own = bound if gate is None else ""
    momentum = "-LM" if run.option("local_momentum") else ""
    return name + own + momentum + (f" ({str(gate).replace('-', ' ')}{bound})" if gate is not None else "")


def in_words(setting: Sequence[tuple[str, object]]) -> str:
    """A setting as a heading, e.g. ``K = 10, speeds spread:5``; empty where nothing differs."""
    return ", ".join(_option_in_words(option, value) for option, value in setting)


def _option_in_words(option: str, value: object) -> str:
    if option == "learners":
        return f"K = {value}"
    if option in ("dataset", "model", "algo", "partition") and value is not None:
        return str(value)
    words = option.replace("_", " ")
    if option == "speeds" and value in (None, ""):
        return "even speeds"
    return f"no {words}" if value in (None, "") else f"{words} {value}"


def _value(run: Results, option: str) -> object:
    # A text that is empty says as little as an option that is not there.
    value = run.option(option)
    return None if value == "" else value


def _own_options(run: Results) -> Mapping[str, object]:
    general = {*OF_METHOD, *OF_KEEPING, *OF_SETTING, "seed", "staleness"} - {"lr"}
    return {name: value for name, value in run.config.items() if name not in general}


def _distinct_names(runs: Sequence[Results], settings: Mapping[Path, object]) -> dict[Path, str]:
    """Each run's name; with the options of its own that tell it from others of its name, setting and seed."""
    same: dict[object, list[Results]] = defaultdict(list)
    for run in runs:
        same[method_name(run), settings[run.path], seed(run)].append(run)
    telling: dict[str, set[str]] = defaultdict(set)
    for group in same.values():
        options = {name for run in group for name in _own_options(run)}
        differ = {name for name in options if len({str(run.config.get(name)) for run in group}) > 1}
        # A rate is named only where nothing else tells the runs apart.
        telling[method_name(group[0])] |= differ if differ == {"lr"} else differ - {"lr"}
    names = {}
    for run in runs:
        own = _own_options(run)
        told = [f"{option}={own[option]}" for option in sorted(telling[method_name(run)]) if option in own]
        names[run.path] = " ".join([method_name(run), *told])
    return names


def _place(cell: Cell) -> tuple[object, ...]:
    return tuple(_natural(value) for _, value in cell.setting), _rank(cell.method)


def _rank(name: str) -> tuple[object, ...]:
    first = next((i for i, known in enumerate(_FIRST) if name.startswith(known)), len(_FIRST))
    return first, name.casefold()


def _natural(value: object) -> tuple[object, ...]:
    """Nothing before numbers, numbers by size, all else by its text and the numbers in it."""
    if value is None:
        return (0,)
    if isinstance(value, int | float):
        return 1, float(value)
    words = re.split(r"(\d+\.?\d*)", str(value))
    return 2, *((word, 0.0) if i % 2 == 0 else ("", float(word)) for i, word in enumerate(words))
