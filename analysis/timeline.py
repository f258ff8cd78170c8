"""What each learner does when: computes, stands in the queue, waits, is away.

Run it as ``python analysis/timeline.py results.h5 --plot timeline.png``; ``--help`` explains what it shows.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import _script
import _timeline_report as report
from _cells import Cell, cells, in_words, load_measured, notes, repeats, seed
from _results import Results
from _timeline_measure import GROUPS, Window, aligned, measure

_EPILOG = """\
what a learner does, also the kinds of the CSV file:
  computing      compute: gradients
  queued         queue: its message has come and the server has not used it yet; the learner has nothing to compute.
                 Includes the server's own time for it, and, where learners meet, the wait for the others
  waiting        wait: anything else; the server withholds the answer, messages are on their way, no work is left
  absent         absent: from its departure to its return
  full gradient  full-gradient: svrg's phase in which all take part, the wait for the slowest included
  no record      unknown: from the last that is known to a departure (work that was lost is in no record), or to
                 the end of a run that has not finished
  overlap        overlap: a message is in the queue while the learner computes the next one (od-sgd). It counts
                 as computing; all others add up to 100 %
columns beside: gradients used and dropped after the window's beginning, up to its end; uses a round: messages of
the learner used in each complete round of the window in which it was there, fewest to most. Above 12 learners the
rows are the fastest, median and slowest by seconds a gradient, and the mean; --learners gives all of them.

A round is the method's own under a white list (everyone present is used once) and where learners meet (barrier,
ssgd, k-avg, fedavg, od-sgd; hier-avg: all of them): solid lines. Under all else there are none, and dotted lines
stand wherever every learner present has been used at least once since the last.
Dots: gradients used; crosses: dropped; neither where there are too many. Beginnings of computing are exact in virtual
time; under the wall clock they are known to within a message's way.
The default window is 5 rounds after the first quarter of the run. Of several files all windows are made as long as
the longest. Times are virtual where the run's are.

exit code: 0 all is well, 1 some file was unreadable or could not be written, 2 usage.

examples:
  python analysis/timeline.py gsgm.h5 psgd-1.h5 downpour.h5 --plot timeline.png
  python analysis/timeline.py results.h5 --window 1.5:2 --csv intervals.csv
  python analysis/timeline.py results/ --updates 1000:1100 --plot timeline.pdf
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script.

    Args:
        argv: the command line without the program's name; by default the process's own.

    Returns:
        The exit code: 0, or 1 if a file could not be read or written; wrong usage exits with 2.
    """
    options = _parse(argv)
    results, measured, unreadable = load_measured(options.files, GROUPS, lambda run: measure(run, options.window))
    found = cells(results)
    shown = [
        replace(measured[run.path], title=_title(cell, run, by_seed))
        for cell, by_seed in found.items()
        for run in by_seed.values()
    ]
    shown = aligned(shown)
    _script.name_unreadable(unreadable)
    report.write_tables(shown, each_learner=options.learners)
    for line in (*repeats(results, found), *notes(results)):
        print(line)
    failed = bool(unreadable)
    if options.csv:
        failed |= not _script.written(options.csv, lambda: report.write_csv(shown, options.csv))
    if options.plot and shown:
        # Imported here because matplotlib takes longer to load than everything else takes to run.
        from _timeline_plot import save

        failed |= not _script.written(options.plot, lambda: save(shown, options.plot))
    return 1 if failed else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _script.parser("timeline.py", "What each learner does when, in a part of one or more runs.", _EPILOG)
    part = parser.add_mutually_exclusive_group()
    for unit, text in (
        ("seconds", "from START to END seconds after the run began"),
        ("updates", "from the moment at which A gradients have been used or dropped to that of B"),
        ("epochs", "from the end of epoch A (0: the beginning) to the end of epoch B"),
    ):
        part.add_argument(
            "--window" if unit == "seconds" else f"--{unit}",
            type=_window(unit),
            dest="window",
            metavar="START:END" if unit == "seconds" else "A:B",
            help=text,
        )
    parser.add_argument("--learners", action="store_true", help="a row for each learner, however many there are")
    parser.add_argument("--csv", type=Path, metavar="FILE.csv", help="write the intervals of the window, too")
    _script.add_plot(parser, "draw it: a panel for each run, a row for each learner")
    options = parser.parse_args(argv)
    _script.check_plot(parser, options.plot)
    _script.check_folder(parser, "--csv", options.csv)
    return options


def _window(unit: str) -> Callable[[str], Window]:
    """Reads a window, e.g. ``1.5:2``; of updates and epochs whole numbers only."""
    digits = r"\d+" if unit != "seconds" else r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"

    def read(text: str) -> Window:
        match = re.fullmatch(f"({digits}):({digits})", text)
        if match is None or not float(match[1]) < float(match[2]) < math.inf:
            what = "numbers" if unit == "seconds" else "whole numbers"
            raise argparse.ArgumentTypeError(f"{text!r} is not two {what} A:B with A < B")
        return Window(unit, float(match[1]), float(match[2]))

    return read


def _title(cell: Cell, run: Results, by_seed: dict[int, Results]) -> str:
    """The method, what of the setting differs, and the seed where there are several."""
    parts = [in_words(cell.setting), f"seed {seed(run)}" if len(by_seed) > 1 else ""]
    return ", ".join([cell.method, *filter(None, parts)])


if __name__ == "__main__":
    _script.run(main)
