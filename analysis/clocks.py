"""Holds a run in virtual time against the real one that its durations come from: staleness and learners' shares.

Run it as ``python analysis/clocks.py wall.h5 virtual.h5``; ``--help`` explains the columns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import _clocks_report as report
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
    path = options.json
    try:
        if options.json:
            report.write_json(runs, differences, options.json)
        if options.plot:
            # Imported here because matplotlib takes longer to load than everything else takes to run.
            from _clocks_plot import plot

            path = options.plot
            plot(runs, options.plot)
    except OSError as error:
        print(f"cannot write {path}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="clocks.py",
        description="Compares staleness, learners' shares and speed of runs, e.g. in virtual time and in real.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="results files, two or more")
    parser.add_argument("--plot", type=Path, metavar="FILE.png|pdf", help="draw histograms and shares too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON too")
    options = parser.parse_args(argv)
    if len(options.files) < 2:
        parser.error("two or more results files are needed to compare them")
    for name, path in (("--plot", options.plot), ("--json", options.json)):
        if path and not path.parent.is_dir():
            parser.error(f"{name}: there is no folder {str(path.parent)!r}")
    if options.plot and options.plot.suffix.lower() not in {".png", ".pdf"}:
        parser.error(f"--plot must end in .png or .pdf, not {options.plot.name!r}")
    if options.plot and find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install 'gsgm-mpi[analysis]'")
    return options


def _load(files: Sequence[Path]) -> list[Run]:
    """Those that can be read; the others are named on standard error."""
    runs = []
    for file in files:
        try:
            runs.append(measure(read(file, GROUPS)))
        except UnreadableFileError as error:
            print(f"cannot read {error}", file=sys.stderr)
    return runs


if __name__ == "__main__":
    sys.exit(main())
