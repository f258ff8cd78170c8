"""The first sections of a report: what was run, which method is best, and the papers' tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import _tables_report as report
import numpy as np
from _cells import Cell, in_words, methods, notes, repeats, seed, settings
from _estimates import Estimate
from _report_folder import Folder
from _report_parts import Part, Section, shown
from _results import Results
from _stability_measure import Run
from _table import number, text
from _tables_format import Entry, Table
from _tables_measure import ACCURACIES, SIGMAS, Quantity, compare, find_method, gather, mean

_STATUSES = ("finished", "running", "stopped", "diverged", "failed")


def summary(folder: Folder) -> Section:
    """How many runs of what, how they ended, and which methods came out best."""
    ended, _, _, _ = gather(folder.runs, folder.window)
    lines = [*notes(folder.runs), *repeats(folder.runs, folder.found)]
    lines += [f"note: {run.path.name}: {run.option('error')}" for run in folder.runs if run.option("error")]
    parts = [Part("", [shown(_best(ended))])] if ended else []
    common = report.shared(folder.runs)
    facts = _facts(folder) | ({"in common": common.removeprefix("all runs: ")} if common else {})
    if not ended:
        lines.insert(0, "note: no run has ended yet, so there is no best method to name")
    return Section("summary", "Summary", [], parts, lines, facts=facts)


def papers(folder: Folder) -> Section:
    """The tables of the papers: figures of each method, and the own one's gain over the others."""
    ended, readable, twice, _ = gather(folder.runs, folder.window)
    own = find_method(ended, folder.own)
    quantities = [*ACCURACIES.values(), *SIGMAS.values()]
    tables, everything = [], []
    if ended:
        tables.append(shown(report.absolute(ended, quantities, folder.window)))
    for quantity in (ACCURACIES["peak"], *SIGMAS.values()) if own else ():
        comparisons = compare(ended, own, quantity)
        everything += comparisons
        if comparisons:
            tables.append(shown(report.gains(own, comparisons, quantity, folder.window), turned=True))
    lines = [*report.legend(everything), "bold: the best mean of a setting, or the largest gain"] if tables else []
    warnings = [*twice, *report.uncompared(readable, ended, own or folder.own), *report.few_seeds(everything)]
    return Section("tables", "The papers’ tables", lines, [Part("", tables)] if tables else [], warnings)


def _facts(folder: Folder) -> dict[str, str]:
    runs = folder.runs
    counts = Counter(run.status for run in runs)
    ordered = sorted(counts, key=lambda status: (_STATUSES.index(status) if status in _STATUSES else 9, status))
    seeds = sorted({seed(run) for run in runs})
    facts = {
        "runs": f"{len(runs)}: " + ", ".join(f"{counts[status]} {status}" for status in ordered),
        "methods": f"{len(folder.methods)}: {', '.join(folder.methods)}",
        "settings": f"{len(folder.settings)}" + _listed([in_words(setting) for setting in folder.settings]),
        "seeds": f"{len(seeds)}: {_ranges(seeds)}",
    }
    if folder.unreadable:
        facts["unreadable"] = f"{len(folder.unreadable)}"
    for option in ("dataset", "model"):
        values = sorted({text(run.option(option)) for run in runs} - {"-"})
        if len(values) > 1:
            facts[f"{option}s"] = ", ".join(values)
    starts, ends = (sorted({str(run.option(name)) for run in runs if run.option(name)}) for name in ("start", "end"))
    if starts:
        facts["when"] = f"{_moment(starts[0])} to {_moment(ends[-1]) if ends else '-'} (UTC)"
    facts["time"] = _times(runs)
    return facts


def _times(runs: Sequence[Results]) -> str:
    """The runs' own times up to their last epochs, added up by clock."""
    found = []
    for name, clock in (("wall_s", "wall-clock"), ("virtual_s", "virtual")):
        columns = [np.asarray(run.groups["epochs"].get(name, ())) for run in runs]
        last = [float(c[-1]) for c in columns if c.ndim == 1 and c.size and c.dtype.kind == "f" and np.isfinite(c[-1])]
        if last:
            found.append(f"{_duration(math.fsum(last))} {clock}")
    return " and ".join(found) + ", sum over the runs" if found else "-"


def _duration(seconds: float) -> str:
    """Seconds in the largest unit of which there are two, e.g. ``3.5 h``."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


def _moment(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _listed(words: Sequence[str]) -> str:
    return "" if words == [""] else f": {'; '.join(words)}"


def _ranges(numbers: Sequence[int]) -> str:
    """Whole numbers in order, with those in a row put together, e.g. ``1 to 3, 7``."""
    spans: list[list[int]] = []
    for value in numbers:
        if spans and value == spans[-1][1] + 1:
            spans[-1][1] = value
        else:
            spans.append([value, value])
    return ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in spans)


def _best(ended: Mapping[Cell, Mapping[int, Run]]) -> Table:
    """For each setting the two methods with the highest mean accuracies."""
    rows = []
    for setting in settings(ended):
        row = [Entry((in_words(setting) or "all runs",))]
        for quantity in (ACCURACIES["final"], ACCURACIES["peak"]):
            placed = _placed(ended, setting, quantity)
            row += [_named(*placed[i]) if i < len(placed) else Entry(("-",)) for i in range(2)]
        rows.append(row)
    several = len(methods(ended)) > 1
    remarks = [
        *(f"{quantity.heading.removesuffix(' %')}: {quantity.definition}" for quantity in ACCURACIES.values()),
        "in %: mean over the seeds ± half of its 95 % interval (Student t), (number of seeds); runs that have ended",
    ]
    if several:
        remarks.append(
            "the first of many is in part the luckiest, more so over few seeds: whether a lead is more than chance, "
            "the paired tests below say"
        )
    header = ["setting", "best final %", "next", "best peak %", "next"]
    return Table("Best by final and by peak accuracy", header, rows, 1, remarks)


def _placed(
    ended: Mapping[Cell, Mapping[int, Run]], setting: tuple[tuple[str, object], ...], quantity: Quantity
) -> list[tuple[str, Estimate, Quantity]]:
    means = [(cell.method, mean(runs, quantity), quantity) for cell, runs in ended.items() if cell.setting == setting]
    return sorted((placed for placed in means if placed[1].n), key=lambda placed: -placed[1].mean)


def _named(method: str, found: Estimate, quantity: Quantity) -> Entry:
    form = f".{quantity.digits}f"
    return Entry((method, f"{number(found.mean, form)} ± {number(found.half, form)} ({found.n})"))
