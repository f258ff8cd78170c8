"""Lays out what tables.py measured as tables for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from _cells import ENDED, Cell, in_words, methods, settings
from _estimates import Estimate, reach
from _results import Results
from _stability_measure import Run
from _table import number
from _tables_format import Entry, Table
from _tables_measure import SIGNIFICANT, Comparison, Quantity, diverged, mean

# Of these, what all runs share is said once, before the tables.
_SHARED = ("dataset", "model", "algo", "partition", "learners", "speeds", "epochs")

# Above so many pairs, an interval is less than the spread of the differences themselves.
_FEW = 6


def shared(readable: Sequence[Results]) -> str:
    """What all ended runs have in common, e.g. ``all runs: mnist, mnistnet, sgd, sorted``; empty where nothing."""
    runs = [run for run in readable if run.status in ENDED]
    values = {option: {str(run.option(option) or "") for run in runs} for option in _SHARED}
    same = [(option, next(iter(value))) for option, value in values.items() if len(value) == 1]
    known = [(option, value) for option, value in same if value or option == "speeds"]
    return f"all runs: {in_words(known)}" if known and runs else ""


def absolute(found: Mapping[Cell, Mapping[int, Run]], quantities: Sequence[Quantity], window: int) -> Table:
    """The figures of each cell, means over its seeds."""
    several = len(settings(found)) > 1
    rows = []
    for setting in settings(found):
        group = {cell: runs for cell, runs in found.items() if cell.setting == setting}
        means = {quantity: {cell: mean(runs, quantity) for cell, runs in group.items()} for quantity in quantities}
        best = {quantity: _best(quantity, [mean.mean for mean in means[quantity].values()]) for quantity in quantities}
        for i, (cell, runs) in enumerate(group.items()):
            words = [in_words(setting) if i == 0 else ""] if several else []
            entries = [_mean(means[quantity][cell], quantity, len(runs), best[quantity]) for quantity in quantities]
            rows.append([*(Entry((word,)) for word in (*words, cell.method)), Entry((_seeds(runs),)), *entries])
    remarks = [
        f"{quantity.heading.removesuffix(' %')}: {quantity.definition.format(window=window)}" for quantity in quantities
    ]
    remarks += [
        "accuracy in %, sigma in points of it; mean over the seeds ± half of its 95 % interval (Student t)",
        "-: undefined; an interval is below 2 seeds, or where all values are the same",
        "a method that does not learn has a small sigma too: read it beside the accuracy",
    ]
    if any(map(diverged, found.values())):
        remarks.append(
            "diverged runs count with their accuracies until then, and have no sigma; (n): mean over n seeds, not all"
        )
    header = [*(["setting"] if several else []), "method", "seeds", *(quantity.heading for quantity in quantities)]
    return Table("Absolute figures", header, rows, 2 if several else 1, remarks)


def gains(own: str, comparisons: Sequence[Comparison], quantity: Quantity, window: int) -> Table:
    """The paper's Table 2 or, for a sigma, its Table 3, with the spread over seeds."""
    definition = quantity.definition.format(window=window)
    if quantity.compared_by == "difference":
        kind = quantity.heading.removesuffix(" %")
        title = f"Accuracy, {kind}: gain of {own} over each rival in points (the GSGM paper's Table 2, Acc in Table 4)"
        return _matrix(title, [f"gain: {definition}, less the rival's; mean over the pairs"], comparisons)
    title = f"Stability, {quantity.heading}: gain of {own} over each rival in % (the GSGM paper's Tables 3 and 4)"
    remarks = [
        f"{quantity.heading}: {definition}",
        "gain: 1 - sigma / rival's sigma; over pairs 1 - geometric mean of the ratios, interval and test on their logs",
    ]
    missing = sum(len(comparison.seeds) - comparison.pairs.n for comparison in comparisons)
    if missing:
        remarks.append(f"pairs that do not count because a sigma is 0 or undefined: {missing}")
    return _matrix(title, remarks, comparisons)


def legend(comparisons: Sequence[Comparison]) -> list[str]:
    """How to read the tables of gains, said once for all of them."""
    if not comparisons:
        return []
    lines = ["gains: the own method against a rival of the same seed (number of such pairs)"]
    if any(comparison.pairs.n > 1 for comparison in comparisons):
        lines.append("below a gain: [95 % interval, Student t]; p of the paired t test / p after Holm's correction")
        lines.append("gains without interval and p: below 2 pairs, or all pairs the same")
    return lines


def uncompared(readable: Sequence[Results], found: Mapping[Cell, object], own: str) -> list[str]:
    """Why something that a user may look for is not compared, as notes."""
    lines = []
    if any(run.status not in ENDED for run in readable):
        lines.append("note: runs that neither finished nor diverged are left out of all figures")
    if not found:
        return [*lines, "note: no run has ended yet"] if readable else lines
    names = methods(found)
    if own not in names:
        return [*lines, f"note: nothing is compared, no {own} here; --own NAME may be: {', '.join(names)}"]
    if len(names) == 1:
        return [*lines, f"note: nothing is compared, {own} is the only method here"]
    lacking = [in_words(setting) for setting in settings(found) if Cell(own, setting) not in found]
    return lines + [f"note: no ended run of {own}, so nothing is compared: {setting}" for setting in lacking]


def few_seeds(comparisons: Sequence[Comparison]) -> list[str]:
    """What so few seeds can tell, as a note; none where there are enough, or nothing is compared."""
    most = max((comparison.pairs.n for comparison in comparisons), default=0)
    if most == 1:
        return ["note: one seed only: whether a gain is more than chance cannot be said; run more seeds"]
    if not 2 <= most <= _FEW:
        return []
    return [
        f"note: with {most} seeds an interval reaches {reach(most):.1f} standard deviations to each side: only large "
        "differences can be told from chance"
    ]


def _matrix(title: str, remarks: Sequence[str], comparisons: Sequence[Comparison]) -> Table:
    there = {(comparison.setting, comparison.rival): comparison for comparison in comparisons}
    by_setting = list(dict.fromkeys(comparison.setting for comparison in comparisons))
    # As in the table of absolute figures, whichever setting a rival turns up in first.
    rivals = methods(Cell(rival, setting) for setting, rival in there)
    rows = []
    for setting in by_setting:
        found = [there.get((setting, rival)) for rival in rivals]
        best = max((c.gain for c in found if c and not math.isnan(c.gain)), default=math.nan)
        alone = sum(c is not None for c in found) < 2
        entries = [_gain(c, not alone and c.gain == best) if c else Entry(("-",)) for c in found]
        rows.append([Entry((in_words(setting) or "all runs",)), *entries])
    tests = sum(not math.isnan(comparison.pairs.p) for comparison in comparisons)
    if tests:
        star = f"*: p < {SIGNIFICANT} after Holm's correction over this table (tests made: {tests})"
        remarks = [*remarks, f"{star}: chance alone gives it any star in at most 5 % of cases"]
    return Table(title, ["setting", *rivals], rows, 1, remarks)


def _gain(comparison: Comparison, bold: bool) -> Entry:
    pairs = comparison.pairs
    star = "*" if comparison.significant else ""
    lines = [f"{number(comparison.gain, '+.2f')}{star} ({pairs.n})"]
    if not math.isnan(pairs.p):
        lines += [f"[{comparison.low:+z.2f}, {comparison.high:+z.2f}]", f"{_p(pairs.p)} / {_p(comparison.p_holm)}"]
    if comparison.diverged:
        lines.append(f"{comparison.diverged} diverged")
    return Entry(tuple(lines), bold)


def _mean(mean: Estimate, quantity: Quantity, runs: int, best: float) -> Entry:
    if mean.n == 0:
        return Entry(("-",))
    form = f".{quantity.digits}f"
    counted = "" if mean.n == runs else f" ({mean.n})"
    return Entry((f"{number(mean.mean, form)} ± {number(mean.half, form)}{counted}",), mean.mean == best)


def _best(quantity: Quantity, means: Sequence[float]) -> float:
    """The best mean of a setting; NaN where there are no two to choose from."""
    defined = [mean for mean in means if not math.isnan(mean)]
    choose: Callable[[Sequence[float]], float] = max if quantity.compared_by == "difference" else min
    return choose(defined) if len(defined) > 1 else math.nan


def _seeds(runs: Mapping[int, Run]) -> str:
    lost = diverged(runs)
    return f"{len(runs)} ({lost} diverged)" if lost else str(len(runs))


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else number(p, ".3f")
