"""The sections of a report about the learners: who moved the model, and who worked when."""

from __future__ import annotations

from collections import Counter

import _fairness_report
import _script
from _cells import in_words
from _fairness_measure import GROUPS, measure
from _report_folder import Folder
from _report_parts import Part, Picture, Section, plain, shown
from _report_picture import markup, width
from _results import UnreadableFileError, read

# Of the windows in which the weights of the classes are compared, in multiples of K updates.
_ROUNDS = 1
# Rows of learners in one figure of timelines, each panel counted as ten more.
_MOST_ROWS = 80


def fairness(folder: Folder) -> Section:
    """Whose gradients were used, with what weight, how late, and what learners did with their time."""
    from _fairness_plot import LOOK, draw

    found, measured, errors = folder.each(lambda run: measure(run, _ROUNDS), GROUPS)
    groups = [
        _fairness_report.Group(
            cell,
            {number: measured[run.path] for number, run in by_seed.items()},
            {number: run.status for number, run in by_seed.items()},
        )
        for cell, by_seed in found.items()
    ]
    parts = []
    for i, setting in enumerate(folder.settings):
        there = [group for group in groups if group.cell.setting == setting]
        if not there:
            continue
        blocks = [
            shown(plain(title, *_fairness_report.means(there, columns)))
            for title, columns in (
                ("Updates, class weights and accuracies of the classes (%)", _fairness_report.WHO),
                ("Staleness, gap and learners’ time", _fairness_report.WHEN),
            )
        ]
        if any(group.figures["updates"] for group in there):
            caption = (
                f"{in_words(setting) or 'all runs'}: means over the seeds; staleness and gap of the used updates, "
                "their distributions drawn up to 99.5 %; distance of class weights is TV in windows of that length"
            )
            names = ", ".join(group.cell.method for group in there)
            said = f"Updates, class weights, accuracies, staleness, gap and time by learner or class. {caption}."
            figure = draw(there, folder.methods)
            picture = markup(figure, f"f{i}", f"{said} Methods: {names}.", LOOK)
            blocks.append(Picture(picture, width(figure), caption))
        parts.append(Part(in_words(setting), blocks))
    lead = _fairness_report.definitions(groups, _ROUNDS, each_run=False).split("\n") if groups else []
    lines = list(_fairness_report.notes_on_methods(groups))
    return Section("fairness", "Who moved the model", lead, parts, lines, errors)


def timeline(folder: Folder) -> Section:
    """Who worked, waited and was answered when: of each setting one seed, a panel for each method."""
    from _timeline_measure import GROUPS as NEEDED
    from _timeline_measure import aligned
    from _timeline_measure import measure as follow
    from _timeline_plot import LOOK, draw

    chosen = {}
    errors: list[UnreadableFileError] = []
    for setting in folder.settings:
        cells = {cell: by_seed for cell, by_seed in folder.found.items() if cell.setting == setting}
        counts = Counter(number for by_seed in cells.values() for number in by_seed)
        # The seed that most methods have; of several the first.
        best = min(counts, key=lambda number: (-counts[number], number))
        chosen[setting] = best, [by_seed[best] for by_seed in cells.values() if best in by_seed]
    parts = []
    for i, (setting, (number, runs)) in enumerate(chosen.items()):
        kept, measured = _script.each(runs, lambda run: follow(read(run.path, NEEDED)), errors)
        if not kept:
            continue
        followed = aligned([measured[run.path] for run in kept])
        size = max(1, _MOST_ROWS // (max(len(run.learners) for run in followed) + 10))
        pictures = []
        for start in range(0, len(followed), size):
            some = followed[start : start + size]
            figure = draw(some)
            caption = f"{in_words(setting) or 'all runs'}: seed {number}, {', '.join(run.title for run in some)}"
            said = f"When each learner computed, waited and was answered. {caption}."
            picture = markup(figure, f"t{i}-{start}", said, LOOK)
            pictures.append(Picture(picture, width(figure), caption))
        parts.append(Part(in_words(setting), pictures))
    lead = [
        "of each setting one seed, a panel for each method and a row for each learner; all panels of a setting show as "
        "many seconds",
        "the part of the run that is shown begins after its first quarter; percentages: means over the learners of "
        "their time in it",
    ]
    return Section("timeline", "Who worked when", lead if parts else [], parts, errors=errors)
