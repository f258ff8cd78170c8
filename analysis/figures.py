"""Figures of accuracy and training stability, after the paper's figures 5 to 9.

Run it as ``python analysis/figures.py results/ -o figures``; ``--help`` explains what they show.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import _script
from _cells import OF_SETTING, Cell, cells, load, methods, notes, repeats
from _figures_measure import BANDS, X_COLUMNS, Run, measure
from _figures_sheets import PANELS, first_varying, sheets, stems
from _results import Results

_EPILOG = """\
Each figure has a column of two panels for each value of the panel option:
  above  test accuracy in %
  below  sigma: standard deviation of the test accuracies (ddof=0) in the window of --window epochs that
         ends there, in percentage points, on a log axis; none before the first full window
Runs that differ in the seed alone are one line: the mean over the seeds that have a value there, of the
accuracies and of each run's own sigma. It is pale where some seed has none (it has ended or not got there yet),
and a cross marks the end of a run that diverged. Band: ci = 95 % t interval of the mean, from three seeds on
(of the logarithm for sigma, as on its axis: mean * exp(+- t s / (sqrt(n) mean))); range = smallest to largest, from
two seeds on. The axes are fitted to the lines, so a wide band may be cut off.
Along epochs, seeds meet at the same epoch; along all else, a run's values between two epochs lie on the straight line
between them, and nothing is drawn before its first or after its last. Seconds are virtual where the run has
them, else wall-clock time.
The error scale gives equal ratios of errors (100 - accuracy) equal lengths, so that both the rise and the last
few percent can be seen; 100 % lies at its upper edge.
Figures are written in the folder as accuracy-sigma--OPTION-VALUE.FORMAT, with each further option in which the
runs' settings differ.

exit code: 0 all is well, 1 some file was unreadable or could not be written, 2 usage.

examples:
  python analysis/figures.py results/ -o figures
  python analysis/figures.py results/ -o figures --panels partition --methods GSGM,PSGD-1,PSGD-2 --x seconds
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script.

    Args:
        argv: the command line without the program's name; by default the process's own.

    Returns:
        The exit code: 0, or 1 if a file could not be read or written; wrong usage exits with 2.
    """
    parser = _parser()
    options = _parse(parser, argv)
    loaded, unreadable = load(options.files)
    runs, curves = _script.each(loaded, lambda run: measure(run, options.x, options.window), unreadable)
    _script.name_unreadable(unreadable)
    found = cells(runs)
    chosen = _chosen(parser, methods(found), options.methods)
    shown = {cell: list(seeds.values()) for cell, seeds in found.items() if cell.method in chosen}
    unwritten = _write(shown, methods(found), curves, options)
    for note in [*repeats(runs, found), *notes(results for seeds in shown.values() for results in seeds)]:
        print(note)
    return 1 if unreadable or unwritten else 0


def _write(
    shown: Mapping[Cell, Sequence[Results]],
    every_method: Sequence[str],
    curves: Mapping[Path, Run],
    options: argparse.Namespace,
) -> bool:
    """Writes all figures and prints what each shows; tells whether one could not be written."""
    # Imported here because matplotlib takes longer to load than everything else takes to run.
    from _figures_plot import Look, panels_of, plot
    from _lines import lines

    failed = False
    every = sheets(shown, options.panels or first_varying(shown))
    for sheet, stem in zip(every, stems(every, options.x), strict=True):
        clock = " or ".join(sorted({curves[run.path].clock for run in sheet.runs} - {""}))
        panels = panels_of(sheet, curves, options.x, options.band)
        look = Look(lines(every_method), options.x, clock, options.scale, options.window)
        paths = [options.output / f"{stem}.{suffix}" for suffix in options.format]
        try:
            plot(panels, look, paths)
        except OSError as error:
            print(f"cannot write {error.filename or options.output}: {error.strerror}", file=sys.stderr)
            failed = True
            continue
        for path in paths:
            print(path)
        numbers = {curve.of for panel in panels for curve in panel.accuracy.values()} - {0}
        print(f"  {sheet.caption(options.window, options.band, numbers)}")
    return failed


def _chosen(parser: argparse.ArgumentParser, names: Sequence[str], wanted: Sequence[str] | None) -> set[str]:
    """The methods to show: by their name, or by its first word where that is all that was given."""
    if wanted is None:
        return set(names)
    chosen = set()
    for word in wanted:
        same = [name for name in names if name.casefold() == word.casefold()]
        alike = same or [name for name in names if name.split(" ")[0].casefold() == word.casefold()]
        if not alike and names:
            parser.error(f"--methods: no run of {word!r}; there are {', '.join(names)}")
        chosen.update(alike)
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = _script.parser(
        "figures.py", "Test accuracy and its running standard deviation, as figures in the paper's layout.", _EPILOG
    )
    parser.add_argument("-o", dest="output", type=Path, required=True, metavar="DIR", help="where to; made if missing")
    parser.add_argument(
        "--panels",
        choices=OF_SETTING,
        metavar="OPTION",
        help=f"option with a column for each value; default: the first of {', '.join(PANELS)} that varies",
    )
    parser.add_argument("--methods", type=_listed, metavar="A,B,..", help="show these alone, e.g. GSGM,PSGD-1-LM")
    parser.add_argument("--x", choices=X_COLUMNS, default="epoch", help="draw against this (%(default)s)")
    parser.add_argument("--window", type=int, default=10, metavar="N", help="epochs of sigma (%(default)s)")
    parser.add_argument("--band", choices=BANDS, default="ci", help="of the spread over seeds (%(default)s)")
    parser.add_argument("--scale", choices=("error", "linear"), default="error", help="of accuracy (%(default)s)")
    parser.add_argument("--format", type=_listed, default=["png", "pdf"], metavar="F,..", help="png,pdf or one of them")
    return parser


def _listed(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    options = parser.parse_args(argv)
    if options.window < 2:
        parser.error(f"--window must be at least 2 epochs, not {options.window}")
    if not options.format or set(options.format) - {"png", "pdf"}:
        parser.error(f"--format must be png, pdf or both, not {','.join(options.format)!r}")
    for module in ("matplotlib", "scipy"):
        if find_spec(module) is None:
            parser.error(f"figures need {module}: pip install 'gsgm-mpi[analysis]'")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.exit(2, f"figures.py: cannot make the folder {options.output}: {error.strerror}\n")
    return options


if __name__ == "__main__":
    _script.run(main)
