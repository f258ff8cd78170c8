"""Holds a run in virtual time against the real one that its durations come from: staleness and learners' shares.

Run it as ``python analysis/clocks.py wall.h5 virtual.h5``; ``--help`` explains the columns.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import _clocks_report as report
import _script
from _clocks_measure import GROUPS, Run, compare, measure
from _results import UnreadableFileError, read

_EPILOG = """\
Compares any two or more results files; the first is what the others are held against. Gradients
that were dropped do not count.

columns:
  seconds       from the beginning of the run to its last update, in the run's own clock
  updates/s     updates in such a second
  way ms        median over the messages: from hand-out to arrival, without computing
  median, 95 %  the staleness that half of the updates and 95 % of them do not exceed
  staleness distance   total variation distance of the two histograms: the fraction of one that
                       would have to move to make it the other
  largest share difference   of a learner's share of the updates, in percentage points
  first other update   the first that differs in learner, step or staleness; "-" if none
  weights       at the end: same, bit for bit, or other
--json has all of it in full precision, with the histograms as counts.

exit code: 0 all is well, 1 a file was unreadable or could not be written, 2 usage.

example:
  mpiexec -n 5 python -m gsgm_mpi --method downpour --output wall.h5
  python -m gsgm_mpi --method downpour --durations-from wall.h5 --output virtual.h5
  python analysis/clocks.py wall.h5 virtual.h5 --plot clocks.png
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script.

    Args:
        argv: the command line without the program's name; by default the process's own.

    Returns:
        The exit code: 0, or 1 if a file could not be read or written; wrong usage exits with 2.
    """
    options = _parse(argv)
    runs = _load(options.files)
    if len(runs) < len(options.files):
        return 1
    differences = [compare(run, runs[0]) for run in runs[1:]]
    report.write_tables(runs, differences)
    well = True
    if options.json:
        well &= _script.written(options.json, lambda: report.write_json(runs, differences, options.json))
    if options.plot:
        # Imported here because matplotlib takes longer to load than everything else takes to run.
        from _clocks_plot import plot

        well &= _script.written(options.plot, lambda: plot(runs, options.plot))
    return 0 if well else 1


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _script.parser(
        "clocks.py",
        "Compares staleness, learners' shares and speed of runs, e.g. in virtual time and in real.",
        _EPILOG,
        "results files, two or more",
    )
    _script.add_plot(parser, "draw histograms and shares too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON too")
    options = parser.parse_args(argv)
    if len(options.files) < 2:
        parser.error("two or more results files are needed to compare them")
    _script.check_folder(parser, "--json", options.json)
    _script.check_plot(parser, options.plot)
    return options


def _load(files: Sequence[str]) -> list[Run]:
    """Those that can be read; the others are named on standard error."""
    runs, unreadable = [], []
    for file in files:
        try:
            runs.append(measure(read(file, GROUPS)))
        except UnreadableFileError as error:
            unreadable.append(error)
    _script.name_unreadable(unreadable)
    return runs


if __name__ == "__main__":
    _script.run(main)
