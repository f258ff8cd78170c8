"""Peak accuracy and training stability of runs, and the gain of one run over another.

Run it as ``python analysis/stability.py results.h5``; ``--help`` explains the columns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import _script
import _stability_report as report
from _results import UnreadableFileError, expand, read
from _stability_measure import Run, compare, measure

_EPILOG = """\
columns:
  peak %, at    highest test accuracy and the first epoch that reached it
  final %       test accuracy after the last completed epoch
  sigma all     standard deviation of the test accuracy over all epochs, in percentage points
  sigma run     the same within each window of --window epochs, mean over all full windows
  sigma tail    about the least-squares line through the last quarter of the epochs (at least 3)
All are population deviations (ddof=0). "-" (null in JSON, empty in CSV) stands for too few epochs,
or for a range with an epoch whose accuracy is NaN. With --against: accuracy gain = difference of
the peaks in percentage points; stability gain = 1 - sigma / sigma of the rival, in percent ("-"
if the rival's is 0). JSON and CSV give accuracies and sigmas as fractions, in full precision.

exit code: 0 all is well, 1 some file was unreadable (or the plot could not be written), 2 usage.

examples:
  python analysis/stability.py results/
  python analysis/stability.py gsgm.h5 --against psgd-1.h5 --against psgd-2.h5 --plot stability.pdf
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script.

    Args:
        argv: the command line without the program's name; by default the process's own.

    Returns:
        The exit code: 0, or 1 if a file could not be read or written; wrong usage exits with 2.
    """
    options = _parse(argv)
    candidates, unreadable = _load(options.files, options.window)
    rivals, unreadable_rivals = _load(options.against, options.window)
    unreadable += unreadable_rivals
    # A run may be its own rival where a whole folder is compared with one of its files.
    files = {run.file.resolve() for run in candidates}
    runs = candidates + [rival for rival in rivals if rival.file.resolve() not in files]
    pairs = [
        compare(run, rival) for run in candidates for rival in rivals if run.file.resolve() != rival.file.resolve()
    ]

    _script.name_unreadable(unreadable)
    if options.json:
        report.write_json(runs, pairs, unreadable, options.window)
    elif options.csv:
        report.write_csv(runs, pairs)
    else:
        report.write_table(runs, pairs, options.window)
    # The notes are for people, so they stay out of what programs read; the status is in both.
    report.write_notes(runs, sys.stderr if options.json or options.csv else sys.stdout)
    if options.plot and runs:
        # Imported here because matplotlib takes longer to load than everything else takes to run.
        from _stability_plot import plot

        if not _script.written(options.plot, lambda: plot(runs, len(candidates), options.window, options.plot)):
            return 1
    return 1 if unreadable else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _script.parser(
        "stability.py", "Peak accuracy and training stability of one or more runs, as a table.", _EPILOG
    )
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="OTHER",
        help="rival run; may be given again",
    )
    parser.add_argument(
        "--window",
        type=int,
        default=10,
        metavar="N",
        help="epochs of the running sigma (%(default)s)",
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="write JSON in full precision instead of the table")
    output.add_argument("--csv", action="store_true", help="write CSV, a row for each run or pair of runs")
    _script.add_plot(parser, "draw accuracy and running sigma too")
    options = parser.parse_args(argv)
    if options.window < 2:
        parser.error(f"--window must be at least 2 epochs, not {options.window}")
    _script.check_plot(parser, options.plot)
    return options


def _load(paths: Sequence[str], window: int) -> tuple[list[Run], list[UnreadableFileError]]:
    files, unreadable = expand(paths)
    runs = []
    for file in files:
        try:
            runs.append(measure(read(file), window))
        except UnreadableFileError as error:
            unreadable.append(error)
    return runs, unreadable


if __name__ == "__main__":
    _script.run(main)
