"""Compares methods at equal cost, and says what a target accuracy costs each of them.

Run it as ``python analysis/compare.py results/``; ``--help`` explains the tables.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

import _cells
import _compare_export as export
import _compare_report as report
import _script
from _compare_convergence import Rule, in_words
from _compare_curves import COSTS, curve
from _compare_measure import Question, measure

_TOLERANCE, _SIGMA = 1.0, 0.5

_EPILOG = f"""\
Runs of one method and setting are averaged over seeds. Costs: updates of the weights, batch gradients
computed, bytes sent by the method in both directions, and seconds, which are virtual where all runs of
the setting have a virtual clock and wall-clock seconds otherwise.

tables, for each setting:
  accuracy at equal cost   accuracy at the last evaluation at or before a cost, without interpolation, mean
               over seeds, ± = half the 95 % interval (Student's t). By default the cost is the largest that
               all finished runs of the setting have spent; a run that ended before it has no accuracy there
  cost to a target         what the first evaluation that reaches it had cost, whether or not later ones fall
               below it again; by default 99 % of the best final mean of the setting. "-" unless all runs
               reached it. speed-up = seconds of the method compared with / seconds of the method
  convergence  by the rule below; drift = rise of the least-squares line over the tail, sigma = standard
               deviation (ddof=0) about it, below best = highest mean of as many evaluations - mean of the tail
Runs that have not finished take no part in what their method's finished or diverged runs tell; where there
are no others they are shown with what they have. --unfinished lets them count everywhere. Diverged runs
always count, except in what is common: where they have no accuracy, their method has none.

{in_words(Rule(_TOLERANCE / 100, _SIGMA / 100))}
A run that rises or falls and oscillates too is what explains more of the tail's variance. A run of fewer
evaluations, unfinished, or with NaN in its tail is not judged: too short, unfinished, undefined.

"-" (null in JSON, empty in CSV) stands for undefined. JSON and CSV give accuracies as fractions, in full
precision; JSON has each run's figures too; CSV has a row for each method and target.

exit code: 0 all is well, 1 some file was unreadable (or the plot could not be written), 2 usage.

examples:
  python analysis/compare.py results/
  python analysis/compare.py results/ --target 0.9 --target 0.95 --against PSGD-1
  python analysis/compare.py results/ --at seconds=30 --at bytes=1e9 --plot compare.pdf
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script.

    Args:
        argv: the command line without the program's name; by default the process's own.

    Returns:
        The exit code: 0, or 1 if a file could not be read or written; wrong usage exits with 2.
    """
    parser = _parser()
    options = _checked(parser, parser.parse_args(argv))
    loaded, unreadable = _cells.load(options.files)
    runs, curves = _script.each(loaded, curve, unreadable)
    _script.name_unreadable(unreadable)

    found = _cells.cells(runs)
    against = _against(parser, options.against, _cells.methods(found))
    rule = Rule(options.tolerance / 100, options.sigma / 100)
    question = Question(dict(options.at), options.target, against, options.unfinished, rule)
    groups = measure(found, curves, question)
    if options.json:
        export.write_json(groups, question, unreadable)
    elif options.csv:
        export.write_csv(groups)
    elif groups:
        report.write_tables(groups, against, bool(options.target), rule)
    # The notes are for people, so they stay out of what programs read; the status is in both.
    for note in [*report.group_notes(groups), *_cells.repeats(runs, found), *_cells.notes(runs)]:
        print(note, file=sys.stderr if options.json or options.csv else sys.stdout)
    if options.plot and groups:
        # Imported here because matplotlib takes longer to load than everything else takes to run.
        from _compare_plot import plot

        if not _script.written(options.plot, lambda: plot(groups, options.plot)):
            return 1
    return 1 if unreadable else 0


def _parser() -> argparse.ArgumentParser:
    parser = _script.parser(
        "compare.py",
        "Accuracy at equal cost, cost of a target accuracy, and convergence, by method and setting.",
        _EPILOG,
    )
    add = parser.add_argument
    add(
        "--at",
        action="append",
        default=[],
        type=_point,
        metavar="COST=VALUE",
        help="compare at this many " + ", ".join(COSTS),
    )
    add(
        "--target",
        action="append",
        default=[],
        type=_fraction,
        metavar="ACCURACY",
        help="target, e.g. 0.95; may be repeated",
    )
    add("--against", metavar="NAME", help="method that speed-ups are relative to, as shown (default: GSGM, if there)")
    add("--unfinished", action="store_true", help="let unfinished runs count like the others")
    points = "percentage points (%(default)s)"
    add(
        "--tolerance", type=_positive, default=_TOLERANCE, metavar="P", help=f"drift and distance to the best: {points}"
    )
    add("--sigma", type=_positive, default=_SIGMA, metavar="P", help=f"largest sigma of a steady run: {points}")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="write JSON in full precision instead of the tables")
    output.add_argument("--csv", action="store_true", help="write CSV, a row for each method and target")
    _script.add_plot(parser, "draw the accuracy against each of the costs too")
    return parser


def _checked(parser: argparse.ArgumentParser, options: argparse.Namespace) -> argparse.Namespace:
    costs = [cost for cost, _ in options.at]
    if len(costs) > len(set(costs)):
        parser.error("--at: each cost only once")
    _script.check_plot(parser, options.plot)
    options.target = list(dict.fromkeys(options.target))
    return options


def _against(parser: argparse.ArgumentParser, name: str | None, methods: Sequence[str]) -> str | None:
    wanted = "GSGM" if name is None else name
    match = next((method for method in methods if method.casefold() == wanted.casefold()), None)
    if name is not None and methods and match is None:
        parser.error(f"--against: no run of {name!r}; there are: {', '.join(methods)}")
    return match


def _point(words: str) -> tuple[str, float]:
    cost, _, value = words.partition("=")
    if cost not in COSTS:
        raise argparse.ArgumentTypeError(f"{words!r} is not COST=VALUE with one of {', '.join(COSTS)}")
    return cost, _positive(value)


def _fraction(words: str) -> float:
    value = _positive(words)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{words!r} is not a fraction, e.g. 0.95")
    return value


def _positive(words: str) -> float:
    try:
        value = float(words)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{words!r} is not a number above 0")
    return value


if __name__ == "__main__":
    _script.run(main)
