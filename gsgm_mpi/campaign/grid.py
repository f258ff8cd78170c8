"""From a campaign's file to its runs. Pure: what the options mean is found out elsewhere.

A campaign is ``[options]`` of every run, and a ``[grid]`` of axes. An axis is a list of values of the option that it is
named after, or a table of labelled points, each with options of its own::

    [grid]
    method = ["gsgm", "psgd-1"]
    seed = [1, 2, 3]

    [grid.cluster]
    even = {}
    fivefold = { speeds = "spread:5" }

Every combination is a run, named by its labels: ``gsgm-fivefold-seed1``. With a table ``[tune]`` the rate of each cell
(a combination without its seed) is chosen first, on samples held out of the training set: see :class:`Tuning`.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gsgm_mpi.errors import UserError, bad_option, unknown_name

#: The axis that is a repetition and no part of a cell.
SEED = "seed"
#: The folder of the runs that choose rates, within that of the campaign.
TRIALS = "tune"
#: A file's name has 255 bytes, some of them for what a run adds to its own.
_LONGEST_NAME = 200
#: What an option may be; bool is an int.
_VALUE = (str, int, float)


@dataclass(frozen=True)
class Point:
    """A place on an axis."""

    label: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Tuning:
    """How the rate of each cell is chosen.

    Attributes:
        factors: what the rate that the cell would have is multiplied by; one trial each.
        validation: fraction of the training set that is held out.
        options: that trials have and runs do not, e.g. fewer epochs.
        seed: of the trials; no run's.
    """

    factors: tuple[float, ...]
    validation: float = 0.1
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 1000


@dataclass(frozen=True)
class Campaign:
    """What a file says."""

    title: str
    options: Mapping[str, Any]
    axes: Mapping[str, tuple[Point, ...]]
    tuning: Tuning | None


@dataclass(frozen=True)
class Job:
    """One run of a campaign, or one trial.

    Attributes:
        name: of its files, without a suffix; a trial's lies in a folder of its own.
        cell: labels of all axes but the seed, joined.
        options: as on the command line.
        held_out: options of a trial, which win over all others.
        factor: of a trial: what the rate is multiplied by.
        tuned: its rate is chosen by the trials of its cell.
    """

    name: str
    cell: str
    options: Mapping[str, Any]
    held_out: Mapping[str, Any] = field(default_factory=dict)
    factor: float | None = None
    tuned: bool = False


def read(content: Mapping[str, Any]) -> Campaign:
    """Checks what a file holds, options' names and values excepted.

    Raises:
        UserError: for what has no meaning.
    """
    for key in content:
        if key not in ("title", "options", "grid", "tune"):
            raise unknown_name("a campaign's key", key, ("title", "options", "grid", "tune"))
    grid = content.get("grid")
    if not isinstance(grid, dict) or not grid:
        raise bad_option("[grid]", grid, "a table with at least one axis", 'e.g. method = ["gsgm", "downpour"]')
    options = _options("[options]", content.get("options", {}))
    axes = {name: _points(name, values) for name, values in grid.items()}
    return Campaign(str(content.get("title", "")), options, axes, _tuning(content.get("tune")))


def expand(campaign: Campaign) -> list[Job]:
    """All trials, then all runs; seed by seed, so that what is there early has a run of every cell.

    Raises:
        UserError: where two runs would have one name, or one a name that files cannot have.
    """
    jobs = []
    cells = [name for name in campaign.axes if name != SEED]
    for seed in campaign.axes.get(SEED, (Point("", {}),)):
        for points in itertools.product(*(campaign.axes[name] for name in cells)):
            cell = "-".join(point.label for point in points if point.label) or "run"
            options = dict(campaign.options)
            for point in (*points, seed):
                options |= point.options
            name = f"{cell}-{seed.label}" if seed.label else cell
            jobs.append(Job(name, cell, options, tuned=campaign.tuning is not None))
    trials = _trials(campaign.tuning, jobs) if campaign.tuning else []
    names = Counter(job.name for job in (*trials, *jobs))
    name, times = names.most_common(1)[0]
    if times > 1:
        raise UserError(f"[grid] gives two runs the name {name}; label points differently")
    name = max(names, key=len)
    if len(name) > _LONGEST_NAME:
        raise UserError(
            f"[grid] must give names of at most {_LONGEST_NAME} characters, not of {len(name)}: {name[:60]}...; give "
            "points shorter labels"
        )
    return [*trials, *jobs]


def only(campaign: Campaign, wanted: Sequence[str]) -> Campaign:
    """Leaves only some labels on some axes.

    Args:
        campaign: whole.
        wanted: ``AXIS=LABEL,LABEL`` each.

    Raises:
        UserError: for an axis or a label that is not there.
    """
    axes = dict(campaign.axes)
    for text in wanted:
        name, equals, labels = text.partition("=")
        if not equals:
            raise bad_option("--only", text, "AXIS=LABEL,..., with an axis of " + ", ".join(axes))
        if name not in axes:
            raise unknown_name("--only: the axis", name, axes)
        # A number may be given as it stands in the file.
        known = {point.label.removeprefix(name): point for point in axes[name]}
        known |= {point.label: point for point in axes[name]}
        for label in labels.split(","):
            if label not in known:
                raise unknown_name(f"--only {name}=", label, [point.label for point in axes[name]])
        kept = {known[label].label for label in labels.split(",")}
        axes[name] = tuple(point for point in axes[name] if point.label in kept)
    return replace(campaign, axes=axes)


def _options(where: str, table: Any) -> Mapping[str, Any]:
    if not isinstance(table, dict):
        raise bad_option(where, table, "a table of options")
    for name, value in table.items():
        if not isinstance(value, _VALUE):
            raise bad_option(f"{where} {name}", value, "a text, a number, true or false", "as on the command line")
    return table


def _points(name: str, values: Any) -> tuple[Point, ...]:
    if isinstance(values, dict) and values and all(isinstance(own, dict) for own in values.values()):
        return tuple(Point(_slug(label), _options(f"[grid.{name}] {label}", own)) for label, own in values.items())
    if isinstance(values, list) and values and all(isinstance(value, _VALUE) for value in values):
        return tuple(Point(_label(name, value), {name: value}) for value in values)
    raise bad_option(
        f"[grid] {name}", values, "a list of values, or a table of labelled points, each a table of options"
    )


def _label(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return _slug(name if value else f"no-{name}")
    if isinstance(value, float):
        return _slug(f"{name}{value:g}")
    return _slug(value if isinstance(value, str) else f"{name}{value}")


def _slug(text: str) -> str:
    """As part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.+_]+", "-", text).strip("-") or "none"


def _tuning(table: Any) -> Tuning | None:
    if table is None:
        return None
    known = ("factors", "validation", "options", "seed")
    if not isinstance(table, dict):
        raise bad_option("[tune]", table, "a table")
    for key in table:
        if key not in known:
            raise unknown_name("[tune]: the key", key, known)
    factors = table.get("factors")
    if not isinstance(factors, list) or not factors or not all(_positive(factor) for factor in factors):
        raise bad_option("[tune] factors", factors, "a list of numbers > 0", "e.g. [0.4, 1.0, 2.5]")
    if len({f"{factor:g}" for factor in factors}) < len(factors):
        raise bad_option("[tune] factors", factors, "numbers that differ", "leave out what is there twice")
    if "lr" in _options("[tune] options", table.get("options", {})):
        raise bad_option("[tune] options", table["options"], "without lr", "rates follow from factors")
    tuning = Tuning(**{**table, "factors": tuple(float(factor) for factor in factors)})
    if not _positive(tuning.validation) or tuning.validation >= 1:
        raise bad_option("[tune] validation", tuning.validation, "a number in (0, 1)")
    return tuning


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _trials(tuning: Tuning, jobs: Sequence[Job]) -> list[Job]:
    cells = {job.cell: job for job in jobs}
    held_out = {**tuning.options, "validation": tuning.validation, SEED: tuning.seed}
    return [
        Job(f"{TRIALS}/{cell}-x{factor:g}", cell, job.options, held_out, factor)
        for cell, job in cells.items()
        for factor in tuning.factors
    ]
