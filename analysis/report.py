"""One page about a folder of runs: summary, tables, figures and provenance, in a single file.

Run it as ``python analysis/report.py results/ -o report.html``; ``--help`` explains what it shows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import _script
from _cells import methods
from _report_folder import Folder, look_into
from _report_page import page, write
from _report_parts import Section
from _report_provenance import provenance
from _report_summary import papers, summary
from _results import UnreadableFileError
from _stability_report import short_paths
from _tables_measure import find_method

_DEFAULT_OWN = "GSGM"

_EPILOG = """\
The page needs no network, no other file and no JavaScript, and can be read on a phone, on a desktop and on paper.

sections (runs that differ in the seed alone share a cell, a method under a setting; means are over the seeds):
  summary       how many runs of what, how they ended, which methods have the highest mean accuracies
  tables        the papers' tables, as tables.py has them: accuracy in %, sigma in points, 95 % intervals
                (Student t), the own method's gain over each rival, paired t tests after Holm's correction
  figures       accuracy and running sigma over the epochs, as figures.py draws them
  cost          accuracy at equal cost, cost of an accuracy, convergence, as compare.py has them
  fairness      updates, class weights, staleness and waiting, as fairness.py has them
  timeline      who worked, waited and was answered when, in one run of each method
  runs          peak and final accuracy and sigma of each run, as stability.py has them
  provenance    options, versions, hosts, hashes and times: once what is common, then what differs
What is undefined is "-". The same files give the same page, byte by byte, unless --date is asked for.

exit code: 0 all is well, 1 some file was unreadable (or the page could not be written), 2 usage.

examples:
  python analysis/report.py results/
  python analysis/report.py results/ more/run.h5 -o report.html --title "Uneven learners"
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script.

    Args:
        argv: the command line without the program's name; by default the process's own.

    Returns:
        The exit code: 0, or 1 if a file could not be read or written; wrong usage gives 2.
    """
    options = _parse(argv)
    folder = look_into(options.files, options.window, options.own or _DEFAULT_OWN)
    if not folder.runs:
        _script.name_unreadable(folder.unreadable)
        return 1
    if options.own and find_method(folder.found, options.own) is None:
        there = ", ".join(methods(folder.found))
        print(f"report.py: error: no method {options.own!r} here, but {there}", file=sys.stderr)
        return 2
    sections = _sections(folder)
    errors = [*folder.unreadable, *(error for section in sections for error in section.errors)]
    errors = list({(error.path, error.reason): error for error in errors}.values())
    _script.name_unreadable(errors)
    names = short_paths([error.path for error in folder.unreadable])
    unreadable = [(names[error.path], error.reason) for error in folder.unreadable]
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC") if options.date else None
    text = page(options.title or _title(options.files), sections, unreadable, written)
    if not _script.written(options.output, lambda: write(text, options.output)):
        return 1
    print(f"{options.output}: {len(folder.runs)} runs, {len(text.encode()) / 1e6:.2f} MB")
    return 1 if errors else 0


def _sections(folder: Folder) -> list[Section]:
    # Imported here because matplotlib and scipy take longer to load than a wrong command line takes to be refused.
    from _report_curves import accuracy, cost, single
    from _report_learners import fairness, timeline

    makers: tuple[tuple[str, str, Callable[[Folder], Section]], ...] = (
        ("summary", "Summary", summary),
        ("tables", "The papers’ tables", papers),
        ("figures", "Accuracy and stability over the epochs", accuracy),
        ("cost", "Accuracy and its cost", cost),
        ("fairness", "Who moved the model", fairness),
        ("timeline", "Who worked when", timeline),
        ("runs", "Single runs", single),
        ("provenance", "Provenance", provenance),
    )
    sections = []
    for name, title, make in makers:
        try:
            sections.append(make(folder))
        except UnreadableFileError as error:
            # A file that nobody could foresee takes its section, not the page.
            sections.append(Section(name, title, [], [], errors=[error]))
    return sections


def _title(files: Sequence[str]) -> str:
    names = list(dict.fromkeys(Path(file).resolve().name for file in files))
    return f"Runs: {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _script.parser("report.py", "One self-contained HTML page about runs.", _EPILOG)
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("report.html"), metavar="OUT.html", help="page to write (%(default)s)"
    )
    parser.add_argument("--title", metavar="TEXT", help="heading of the page (the names of FILE)")
    parser.add_argument("--own", metavar="NAME", help=f"method that is compared with all others ({_DEFAULT_OWN})")
    parser.add_argument("--window", type=int, default=10, metavar="N", help="epochs of the running sigma (%(default)s)")
    parser.add_argument("--date", action="store_true", help="say on the page when it was written")
    options = parser.parse_args(argv)
    if options.window < 2:
        parser.error(f"--window must be at least 2 epochs, not {options.window}")
    if options.output.suffix.lower() not in {".html", ".htm"}:
        parser.error(f"--output must end in .html or .htm, not {options.output.name!r}")
    _script.check_folder(parser, "--output", options.output)
    for module in ("jinja2", "matplotlib", "scipy"):
        if find_spec(module) is None:
            parser.error(f"a report needs {module}: pip install 'gsgm-mpi[analysis]'")
    return options


if __name__ == "__main__":
    _script.run(main)
