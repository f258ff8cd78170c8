"""What all scripts here have in common: arguments, messages and exit codes."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn, TypeVar

from _results import Results, UnreadableFileError
from _table import printable

Measured = TypeVar("Measured")


def parser(
    name: str, description: str, epilog: str, files: str = "results file, or a folder of *.h5 files"
) -> argparse.ArgumentParser:
    """A parser that knows of files already."""
    made = argparse.ArgumentParser(
        prog=name, description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("files", nargs="+", metavar="FILE", help=files)
    return made


def add_plot(made: argparse.ArgumentParser, text: str) -> None:
    """Adds ``--plot``."""
    made.add_argument("--plot", type=Path, metavar="FILE.png|pdf", help=text)


def check_plot(made: argparse.ArgumentParser, plot: Path | None) -> None:
    """Ends the script where ``--plot`` cannot be done."""
    if plot is None:
        return
    if plot.suffix.lower() not in {".png", ".pdf"}:
        made.error(f"--plot must end in .png or .pdf, not {plot.name!r}")
    check_folder(made, "--plot", plot)
    check_drawing(made, "--plot")


def check_folder(made: argparse.ArgumentParser, option: str, path: Path | None) -> None:
    """Ends the script where there is no folder to write a file to."""
    if path is not None and not path.parent.is_dir():
        made.error(f"{option}: there is no folder {str(path.parent)!r}")


def check_drawing(made: argparse.ArgumentParser, what: str) -> None:
    """Ends the script where figures cannot be drawn."""
    if find_spec("matplotlib") is None:
        made.error(f"{what} needs matplotlib: pip install 'gsgm-mpi[analysis]'")


def each(
    runs: Iterable[Results], measure: Callable[[Results], Measured], unreadable: list[UnreadableFileError]
) -> tuple[list[Results], dict[Path, Measured]]:
    """Measures run by run; what turns out to be damaged is added to ``unreadable`` and stops nothing else.

    Returns:
        The runs that could be measured, and what was, by file.
    """
    kept, measured = [], {}
    for run in runs:
        try:
            measured[run.path] = measure(run)
            kept.append(run)
        except UnreadableFileError as error:
            unreadable.append(error)
    return kept, measured


def name_unreadable(errors: Iterable[UnreadableFileError]) -> None:
    """A line on standard error for each file that cannot be used."""
    for error in errors:
        print(printable(f"cannot read {error}"), file=sys.stderr)


def written(path: Path, write: Callable[[], object]) -> bool:
    """Whether a file could be written; if not, a line on standard error says why."""
    try:
        write()
    except OSError as error:
        print(f"cannot write {path}: {error.strerror}", file=sys.stderr)
        return False
    return True


def run(main: Callable[[Sequence[str] | None], int]) -> NoReturn:
    """Ends the process with a script's exit code; quietly where its reader, e.g. ``head``, has seen enough."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where it is closed
            stream.reconfigure(errors="replace")  # names and texts may hold letters that the terminal has not
    try:
        code = main(None)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
