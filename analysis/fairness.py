"""Who moved the model: whose gradients were used, with what weight their classes entered, how late they came.

Run it as ``python analysis/fairness.py results/``; ``--help`` explains the columns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import _fairness_report as report
import _script
from _cells import cells, load_measured, notes, repeats
from _fairness_measure import GROUPS, measure

_EPILOG = """\
columns:
  seeds             runs of the method under the setting; each figure is the mean of theirs, where defined.
                    Runs that are still running do not count where others have ended
  updates: min ...  updates used of the learner with the fewest and the most, their ratio, and Jain's
                    index (sum x)^2 / (K sum x^2): 1 all alike, 1/K one learner does everything
  dropped           gradients dropped
  weight: over ...  of the class that weighs most (least) for its size: weight / share, 1 = fair. The weight
                    is the sum over the used updates of rate x share of the class in the learner's shard,
                    normalised to sum 1 (times the samples in the shard under --weighting samples); the
                    share is the class's of all shards together
  TV                total variation of weights and shares: half the sum of their differences
  windows           the same within consecutive windows of --window x K used updates, mean over the windows
  accuracy: ...     test accuracy of the worst and the best class after the last epoch, and their difference
  r                 Pearson's correlation over the classes of weight / share and accuracy; undefined below 3
                    classes and where no weight / share differs from another by 0.01. Some classes are harder
                    than others under any weights: see their accuracy under a method that weighs all alike
  staleness, gap    of the used updates: changes of the server's weights from hand-out to use, and the root
                    mean square difference of the weights over that time; unknown gaps are left out
  time              share of the learner-seconds (K x the time at which the last update was used or dropped)
                    spent computing and waiting for work, and that messages stood in the queue, which is a
                    part of the waiting where learners wait for an answer (a last wait is not counted yet)
What is missing of 100 % are messages on their way, full gradients and absence. The weight says whose data
entered with what weight, taking each batch as a fair sample of its shard. Momentum passes it on later but
alike for all; where steps are means, or learners send weights, all is divided by the same number and
nothing changes. Some methods scale gradients by rules of their own, and a note names them. Methods that
run as collectives have staleness 0 by definition. Quantiles are values that occur. "-" (null in JSON,
empty in CSV) is undefined. JSON and CSV are in full precision and have shares and accuracies as fractions;
JSON also has the figures of each learner and class. distance_by_window there is for windows of K, 2K, 4K, ...
updates, staleness and gap are the quantiles at its fractions.

exit code: 0 all is well, 1 some file was unreadable (or the plot could not be written), 2 usage.

examples:
  python analysis/fairness.py results/
  python analysis/fairness.py gsgm.h5 downpour.h5 psgd-1.h5 --runs --plot fairness.pdf
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script.

    Args:
        argv: the command line without the program's name; by default the process's own.

    Returns:
        The exit code: 0, or 1 if a file could not be read or written; wrong usage exits with 2.
    """
    options = _parse(argv)
    results, runs, unreadable = load_measured(options.files, GROUPS, lambda run: measure(run, options.window))
    found = cells(results)
    groups = [
        report.Group(
            cell,
            {seed: runs[result.path] for seed, result in by_seed.items()},
            {seed: result.status for seed, result in by_seed.items()},
        )
        for cell, by_seed in found.items()
    ]
    _script.name_unreadable(unreadable)
    if options.json:
        report.write_json(groups, unreadable, options.window)
    elif options.csv:
        report.write_csv(groups, each_run=options.runs)
    else:
        report.write_tables(groups, options.window, each_run=options.runs)
    # The notes are for people, so they stay out of what programs read; the status is in both.
    stream = sys.stderr if options.json or options.csv else sys.stdout
    for line in (*report.notes_on_methods(groups), *repeats(results, found), *notes(results)):
        print(line, file=stream)
    if options.plot and groups:
        # Imported here because matplotlib takes longer to load than everything else takes to run.
        from _fairness_plot import plot

        if not _script.written(options.plot, lambda: plot(groups, options.plot)):
            return 1
    return 1 if unreadable else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _script.parser(
        "fairness.py",
        "Who moved the model: updates by learner, weight and accuracy by class, staleness, waiting.",
        _EPILOG,
    )
    parser.add_argument("--runs", action="store_true", help="a row for each run, not for each method and setting")
    parser.add_argument(
        "--window", type=int, default=1, metavar="N", help="windows of N x K used updates (%(default)s)"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="write JSON in full precision instead of the tables")
    output.add_argument("--csv", action="store_true", help="write CSV in full precision instead of the tables")
    _script.add_plot(parser, "draw it too, the methods side by side")
    options = parser.parse_args(argv)
    if options.window < 1:
        parser.error(f"--window must be at least 1, not {options.window}")
    _script.check_plot(parser, options.plot)
    return options


if __name__ == "__main__":
    _script.run(main)
