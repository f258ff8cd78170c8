"""The section of a report that says where its numbers come from: options, versions, machines, times of each run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from _cells import ENDED
from _report_folder import Folder
from _report_parts import Part, Section, Shown, shown
from _results import Results
from _stability_report import short_paths
from _table import text
from _tables_format import Entry, Table

# Too long for a column, or another for every run anyway: these are with the run's other details.
_NO_COLUMNS = ("argv", "start", "end", "output", "error", "resumed", "sources")
# What identifies code and data needs no more letters than these to be told apart.
_SHORT = {"git_commit": 10}


@dataclass(frozen=True)
class Details:
    """All that is one run's own; ``kind`` says so to the page."""

    name: str
    status: str
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Provenance(Section):
    """A section that ends with the details of each run."""

    details: Sequence[Details] = ()


def provenance(folder: Folder) -> Provenance:
    """What all runs have in common once, and then what differs."""
    runs = folder.runs
    names = short_paths([run.path for run in runs])
    known = [_facts(run) for run in runs]
    keys = list(dict.fromkeys(key for facts in known for key in facts))
    common = {key for key in keys if len({facts.get(key) for facts in known}) == 1}
    tables = [shown(_two_columns("Common to all runs" if len(runs) > 1 else "The run", known[0], common))]
    if len(runs) > 1:
        tables.append(_differences(runs, known, [key for key in keys if key not in common], names))
    details = [
        Details(names[run.path], run.status, {key: value for key, value in facts.items() if key not in common})
        for run, facts in zip(runs, known, strict=True)
    ]
    lead = ["hashes: of the samples that each learner has (partition) and of the training set (data)"]
    return Provenance("provenance", "Provenance", lead, [Part("", tables)], details=details if len(runs) > 1 else ())


def _facts(run: Results) -> dict[str, str]:
    """All that a run's file says of its circumstances, as text; what its options say already is not said again."""
    facts = {name: _in_words(value) for name, value in run.config.items()}
    for name, value in run.provenance.items():
        if name == "config":
            continue
        if name in ("versions", "sources") and isinstance(parsed := _parsed(value), dict):
            # Of the user's own files, the text is in the results file.
            facts |= {f"{name}: {key}": text(part) for key, part in parsed.items() if name == "versions"}
            facts |= {
                f"{name}: {key}": f"{len(str(part))} characters" for key, part in parsed.items() if name == "sources"
            }
        elif name == "argv" and isinstance(parsed := _parsed(value), list):
            facts[name] = shlex.join(map(str, parsed))
        elif name == "hosts" and isinstance(parsed := _parsed(value), list):
            facts[name] = ", ".join(map(str, parsed))
        elif facts.get(name) != _in_words(value):
            facts[name if name not in facts else f"{name} (as run)"] = _in_words(value)
    return facts


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in ("", None, "[]", "{}") else str(value)


def _parsed(value: object) -> object:
    try:
        return json.loads(str(value))
    except json.JSONDecodeError:
        return None


def _two_columns(title: str, facts: Mapping[str, str], keys: set[str]) -> Table:
    rows = [[Entry((key,)), Entry(tuple(value.split("\n")))] for key, value in facts.items() if key in keys]
    return Table(title, ["name", "value"], rows, 2, [])


def _differences(
    runs: Sequence[Results], known: Sequence[Mapping[str, str]], keys: Sequence[str], names: Mapping[object, str]
) -> Shown:
    columns = [key for key in keys if key not in _NO_COLUMNS and key != "status"]
    rows = []
    for run, facts in zip(runs, known, strict=True):
        cells = [names[run.path], run.status, *(facts.get(key, "-")[: _SHORT.get(key)] for key in columns)]
        rows.append([Entry((cell,)) for cell in cells])
    remarks = [f"status other than {' and '.join(ENDED)}: see the notes of the summary"]
    return shown(Table("Where the runs differ", ["run", "status", *columns], rows, len(columns) + 2, remarks))
