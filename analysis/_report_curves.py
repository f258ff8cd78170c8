"""The sections of a report that show accuracy over time and cost: figures, comparisons, single runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import _compare_measure
import _compare_report
import _stability_report
from _cells import Cell, in_words
from _compare_convergence import Rule
from _compare_curves import curve
from _figures_measure import measure
from _figures_sheets import Sheet, first_varying, sheets
from _lines import lines
from _report_folder import Folder
from _report_parts import Part, Picture, Section, plain, shown
from _report_picture import markup, width
from _results import Results
from _tables_format import Entry, Table
from _tables_measure import find_method

# The thresholds of convergence that compare.py has where none are given.
_RULE = Rule(0.01, 0.005)
_BAND, _X, _SCALE = "ci", "epoch", "error"
# Columns of a figure: more would be too small to read.
_MOST_COLUMNS = 4


def accuracy(folder: Folder) -> Section:
    """The paper's figures: accuracy and its running deviation over the epochs."""
    from _figures_plot import Look, draw, panels_of

    found, curves, errors = folder.each(lambda run: measure(run, _X, folder.window))
    by_cell = {cell: list(seeds.values()) for cell, seeds in found.items()}
    look = Look(lines(folder.methods), _X, "", _SCALE, folder.window)
    parts = []
    for i, sheet in enumerate(_narrow(sheets(by_cell, first_varying(by_cell)))):
        panels = panels_of(sheet, curves, _X, _BAND)
        figure = draw(panels, look)
        numbers = {drawn.of for panel in panels for drawn in panel.accuracy.values()} - {0}
        caption = sheet.caption(folder.window, _BAND, numbers)
        said = f"Test accuracy in percent above, its running deviation below, over the epochs. {caption}."
        said += f" Methods: {_methods(found, sheet.runs)}."
        parts.append(Part(in_words(sheet.setting), [Picture(markup(figure, f"a{i}", said), width(figure), caption)]))
    lead = ["upper axis: equal ratios of errors (100 - accuracy) are equally long; lower axis: logarithmic"]
    return Section("figures", "Accuracy and stability over the epochs", lead if parts else [], parts, errors=errors)


def cost(folder: Folder) -> Section:
    """Accuracy at equal cost, cost of an accuracy, and convergence."""
    from _compare_plot import draw, styles

    found, curves, errors = folder.each(curve)
    against = find_method(found, folder.own)
    question = _compare_measure.Question({}, [], against, False, _RULE)
    groups = _compare_measure.measure(found, curves, question)
    looks = styles(folder.methods)
    parts = []
    for i, group in enumerate(groups):
        blocks = [
            _table(f"Accuracy in % at equal cost, seconds by the {group.clock} clock", *_compare_report.at_cost(group))
        ]
        for j in range(len(group.targets)):
            title = f"Cost to {_compare_report.target_in_words(group, j, False)}, seconds by the {group.clock} clock"
            blocks.append(_table(title, *_compare_report.cost_to(group, j, against)))
        title = "Convergence; means over the runs, below best, drift and sigma in percentage points"
        blocks.append(_table(title, *_compare_report.convergence(group)))
        if any(len(used.accuracy) for row in group.rows for used in row.used):
            setting = in_words(group.setting) or "all runs"
            caption = f"{setting}: accuracy, mean over the seeds evaluation by evaluation, against each cost; "
            caption += "a line ends with the first of its runs that does; dotted: the target of the table"
            said = f"Test accuracy against updates, gradients, bytes sent and {group.clock} seconds. {caption}."
            said += f" Methods: {', '.join(row.method for row in group.rows)}."
            figure = draw([group], looks)
            blocks.append(Picture(markup(figure, f"c{i}", said), width(figure), caption))
        parts.append(Part(in_words(group.setting), blocks))
    lead = _compare_report.definitions(against, _RULE, "").replace("\n  ", " ").split("\n") if groups else []
    title = "Accuracy and its cost"
    return Section("cost", title, lead, parts, _compare_report.group_notes(groups), errors)


def single(folder: Folder) -> Section:
    """Peak accuracy and stability of each run."""
    places = {run.path: cell for cell, by_seed in folder.found.items() for run in by_seed.values()}
    order = list(places) + [run.path for run in folder.runs if run.path not in places]
    header, rows = _stability_report.run_rows([folder.measured[path] for path in order])
    entries, before = [], None
    for path, row in zip(order, rows, strict=True):
        setting = in_words(places[path].setting) or "all runs" if path in places else "copies, which no mean counts"
        entries.append([Entry((cell,)) for cell in ("" if setting == before else setting, *row)])
        before = setting
    table = Table("Accuracy and stability of single runs", ["setting", *header], entries, 2, [])
    lead = [_stability_report.definitions(folder.window)]
    return Section("runs", "Single runs", lead, [Part("", [shown(table)])])


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> object:
    return shown(plain(title, header, rows))


def _narrow(every: Iterable[Sheet]) -> Iterable[Sheet]:
    """The figures, those of many columns in several."""
    for sheet in every:
        headings = list(sheet.columns)
        rows = -(-len(headings) // _MOST_COLUMNS)
        size = -(-len(headings) // rows)
        for start in range(0, len(headings), size):
            yield Sheet(sheet.setting, {name: sheet.columns[name] for name in headings[start : start + size]})


def _methods(found: Mapping[Cell, Mapping[int, Results]], runs: Sequence[Results]) -> str:
    there = {run.path for run in runs}
    names = [cell.method for cell, by_seed in found.items() if any(run.path in there for run in by_seed.values())]
    return ", ".join(dict.fromkeys(names))
