"""The GSGM paper's tables from a folder of runs, with intervals and tests over the seeds.

Run it as ``python analysis/tables.py results/``; ``--help`` explains the tables.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import _script
import _tables_csv
import _tables_report as report
from _cells import load, methods, notes
from _tables_format import PRINTERS, print_document
from _tables_measure import ACCURACIES, SIGMAS, compare, find_method, gather

_DEFAULT_OWN = "GSGM"

_EPILOG = """\
Runs that differ in nothing but the seed share a cell: a method under a setting. Only runs that
have ended count. A diverged run counts with its accuracies until then, but has no sigma.

tables:
  absolute      for each cell: seeds, accuracy in % and sigma in points, mean ± half of the 95 %
                interval over the seeds (Student t, n - 1 degrees of freedom)
  accuracy      the own method's accuracy less each rival's, in points (the paper's Table 2): mean
                of the differences paired by seed (number of pairs), [95 % interval], p of the
                paired t test / the same after Holm's correction over the table
  stability     1 - sigma / rival's sigma, in percent (the paper's Table 3), for each --stability:
                from the mean of log(sigma / rival's sigma) over the pairs, with interval and test
                on these logs, so that it does not depend on who is divided by whom; a pair in
                which a sigma is 0 or undefined does not count
A star marks what is below 0.05 after Holm's correction. "-" (empty in CSV) is undefined: fewer
than two seeds or pairs, or a spread of 0. Markdown and LaTeX have the best of a setting in bold;
LaTeX needs the package booktabs. CSV has a row for each figure of a cell (kind cell) and each
comparison (kind comparison), in full precision: mean and interval, n seeds or pairs, sd their
standard deviation (of the logs where sigmas are compared), p, p_holm, and the seeds.

exit code: 0 all is well, 1 some file was unreadable (or could not be written), 2 usage.

examples:
  python analysis/tables.py results/
  python analysis/tables.py results/ --own PSGD-1 --stability tail
  python analysis/tables.py results/ --format latex -o tables.tex
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script.

    Args:
        argv: the command line without the program's name; by default the process's own.

    Returns:
        The exit code: 0, or 1 if a file could not be read or written; wrong usage gives 2.
    """
    options = _parse(argv)
    runs, unreadable = load(options.files)
    found, readable, twice, unusable = gather(runs, options.window)
    _script.name_unreadable([*unreadable, *unusable])
    own = find_method(found, options.own or _DEFAULT_OWN)
    if options.own and found and own is None:
        print(f"tables.py: error: no method {options.own!r} here, but {', '.join(methods(found))}", file=sys.stderr)
        return 2

    sigmas = [SIGMAS[name] for name in dict.fromkeys(options.stability or SIGMAS)]
    quantities = [*ACCURACIES.values(), *sigmas]
    compared = {}
    if own is not None:
        compared = {quantity: compare(found, own, quantity) for quantity in (ACCURACIES[options.accuracy], *sigmas)}
    everything = [comparison for comparisons in compared.values() for comparison in comparisons]
    remarks = [*notes(readable), *twice, *report.uncompared(readable, found, own or _DEFAULT_OWN)]
    remarks += report.few_seeds(everything)

    with contextlib.redirect_stdout(io.StringIO()) as output:
        if options.format == "csv":
            _tables_csv.write(found, quantities, own, compared)
        else:
            tables = [report.absolute(found, quantities, options.window)] if found else []
            for quantity, comparisons in compared.items():
                if comparisons:
                    tables.append(report.gains(own, comparisons, quantity, options.window))
            print_document(report.shared(readable), tables, [*report.legend(everything), *remarks], options.format)
    if options.format == "csv":
        # The notes are for people, so they stay out of what programs read.
        for line in remarks:
            print(line, file=sys.stderr)
    text = output.getvalue()
    if options.output is None:
        sys.stdout.write(text)
    elif text and not _script.written(options.output, lambda: options.output.write_text(text, encoding="utf-8")):
        return 1
    return 1 if unreadable or unusable else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _script.parser(
        "tables.py",
        "The GSGM paper's tables over seeds: accuracy, stability, and one method's gain over the others.",
        _EPILOG,
    )
    parser.add_argument("--own", metavar="NAME", help=f"method that is compared with all others ({_DEFAULT_OWN})")
    parser.add_argument(
        "--accuracy", choices=ACCURACIES, default="peak", help="accuracy that is compared (%(default)s)"
    )
    parser.add_argument(
        "--stability",
        action="append",
        choices=SIGMAS,
        help="sigma over all epochs, running, or of the last quarter about its line; may be given again (all three)",
    )
    parser.add_argument("--window", type=int, default=10, metavar="N", help="epochs of the running sigma (%(default)s)")
    parser.add_argument("--format", choices=(*PRINTERS, "csv"), default="text", help="(%(default)s)")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="file to write to instead of printing")
    options = parser.parse_args(argv)
    if options.window < 2:
        parser.error(f"--window must be at least 2 epochs, not {options.window}")
    _script.check_folder(parser, "--output", options.output)
    if options.output and options.output.suffix.lower() == ".h5":
        parser.error(f"--output: {options.output.name!r} would be taken for a run's results file")
    if find_spec("scipy") is None:
        parser.error("the intervals need scipy: pip install 'gsgm-mpi[analysis]'")
    return options


if __name__ == "__main__":
    _script.run(main)
