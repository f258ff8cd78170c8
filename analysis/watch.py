"""Shows in the terminal how a run in progress is doing, from its results file alone.

Run it as ``python analysis/watch.py results.h5``; ``--help`` explains what is shown.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from time import sleep, time
from typing import TYPE_CHECKING

import _script
from _results import UnreadableFileError, expand
from _table import printable
from _watch_read import Followed
from _watch_rows import rows
from _watch_view import Line, one_line, view
from _watch_warnings import warnings

if TYPE_CHECKING:
    from rich.console import Console, Group

_EPILOG = """\
shown:
  bar           gradients used or dropped, of the run's; time left at the rate of the last 3 epochs
  curve         accuracy on the evaluation set after each epoch so far
  updates/s     over the last 3 epochs and over all; of wall-clock and, where there are any, of virtual seconds
  staleness     of the used among the last 1000 gradients (50 a learner if that is more, at most 5000)
  learner       used: over the run; median s: of computing one of those last gradients; times: that over the median of
                all learners' medians; wait: waiting / (waiting + computing), over the run
  !             a warning: notes of the run itself; it failed or diverged; a loss was not finite; the mean accuracy of
                the last 3 epochs is 5 points below the best mean of 3; none of the last gradients came from a learner,
                or one was silent for 10 times its median interval and 3 times the longest of any learner; the file
                was not written for 5 times the longest of the last 10 intervals or epochs (30 s at least, 10 minutes
                before the first epoch): a run that was killed looks so
Seconds of learners are virtual under the virtual clock. "-" stands for what is unknown. Several files: a row each.

It ends when the run does (all runs there are), and on Ctrl-C; a file that is missing, damaged or half-written is
waited for, and so is the first one in a folder; later ones are added.
Where output is no terminal, a line is printed whenever the file changes or a warning is new.

exit code: 0 the run finished, stopped or diverged, or Ctrl-C; 1 a run failed, or --once could not read; 2 usage.

examples:
  python analysis/watch.py results/run.h5
  python analysis/watch.py results/run.h5 --once
  python analysis/watch.py results/smoke
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the script.

    Args:
        argv: the command line without the program's name; by default the process's own.

    Returns:
        The exit code, as ``--help`` has it; wrong usage exits with 2.
    """
    options = _parse(argv)
    files = Files(options.files, through_stops=options.through_stops)
    try:
        # Imported here because --help needs none of it.
        from rich.console import Console

        console = Console(highlight=False)
        live = sys.stdout.isatty() and console.is_terminal and not console.is_dumb_terminal
        if options.once:
            code = once(files, console)
        elif live:
            code = draw(files, console, options.every, sleep)
        else:
            code = report(files, options.every, sleep)
    except KeyboardInterrupt:
        code = 0
    return code


class Files:
    """The files that are watched; those that come into a folder meanwhile are added.

    Args:
        named: files and folders.
        through_stops: see :class:`Followed`.
    """

    def __init__(self, named: Sequence[str], *, through_stops: bool) -> None:
        self._named = named
        self._through_stops = through_stops
        self._found: dict[Path, Followed] = {}
        #: Folders without any file.
        self.empty: list[UnreadableFileError] = []

    def look(self) -> list[Followed]:
        """All files so far."""
        files, self.empty = expand(self._named)
        for path in files:
            if path not in self._found:
                self._found[path] = Followed(path, time, through_stops=self._through_stops)
        return list(self._found.values())

    @property
    def ended(self) -> bool:
        """There is nothing more to wait for."""
        return bool(self._found) and not self.empty and all(one.ended for one in self._found.values())


def once(files: Files, console: Console) -> int:
    """Prints one view."""
    followed = files.look()
    _script.name_unreadable(files.empty)
    for one in followed:
        one.poll()
        if one.trouble is not None:
            print(printable(f"cannot read {one.path}: {one.trouble}"), file=sys.stderr)
    readable = [one for one in followed if one.held is not None]
    if readable:
        console.print(_rendered(_lines(readable, console, None), console))
    return 1 if files.empty or len(readable) < len(followed) else _code(followed)


def draw(files: Files, console: Console, every_s: float, rest: Callable[[float], object]) -> int:
    """Draws the view again and again until all runs have ended; it stays on the screen."""
    from rich.live import Live

    shown: Group | str = ""
    # What is asked to end must give the terminal back as it was.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                followed = files.look()
                for one in followed:
                    one.poll()
                shown = _rendered(_lines(followed, console, console.height - 1), console)
                live.update(shown, refresh=True)
                if files.ended:
                    break
                rest(every_s)
    finally:
        signal.signal(signal.SIGTERM, before)
        console.print(shown)
    return _code(followed)


def report(files: Files, every_s: float, rest: Callable[[float], object]) -> int:
    """Prints a line whenever a file has changed or a warning is new, until all runs have ended."""
    said: dict[Path, set[str]] = {}
    waiting: set[str] = set()
    while True:
        followed = files.look()
        for error in files.empty:
            if str(error) not in waiting:
                _say(f"waiting: {error}")
        waiting = set(map(str, files.empty))
        for one in followed:
            changed = one.poll()
            name = f"{one.path.name}  " if len(followed) > 1 else ""
            if one.held is None:
                if changed:
                    reason = "" if one.missing else f": {one.trouble}"
                    _say(f"{name}waiting for {one.path}{reason}")
                continue
            if changed and one.trouble is None:
                _say(name + one_line(one.held))
            found = warnings(one)
            for warn in found:
                if warn.kind not in said.get(one.path, ()):
                    _say(f"{name}warning: {warn.text}")
            said[one.path] = {warn.kind for warn in found}
        if files.ended:
            return _code(followed)
        rest(every_s)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _script.parser("watch.py", "Shows how a run in progress is doing, until it ends.", _EPILOG)
    parser.add_argument(
        "--every", type=float, default=1.0, metavar="S", help="seconds between looks at the file (%(default)s)"
    )
    parser.add_argument(
        "--through-stops", action="store_true", help="wait for a stopped run to go on, e.g. one that requeues itself"
    )
    parser.add_argument("--once", action="store_true", help="print one view and end")
    options = parser.parse_args(argv)
    if not 0.05 <= options.every <= 86400:
        parser.error(f"--every must be 0.05 to 86400 seconds, not {options.every}")
    return options


def _lines(followed: Sequence[Followed], console: Console, height: int | None) -> list[Line]:
    ascii_only = console.options.ascii_only
    if not followed:
        return [Line("waiting for the first *.h5 file")]
    if len(followed) == 1:
        return view(followed[0], console.width, height, ascii_only=ascii_only)
    return rows(followed, console.width, height, ascii_only=ascii_only)


def _rendered(lines: Sequence[Line], console: Console) -> Group:
    from rich.console import Group
    from rich.text import Text

    made = []
    for line in lines:
        # A name may hold letters that the terminal has not.
        text = Text(
            line.text.encode(console.encoding, "replace").decode(console.encoding), no_wrap=True, overflow="crop"
        )
        text.stylize(line.style, 0, len(line.text) if line.styled < 0 else line.styled)
        made.append(text)
    return Group(*made)


def _say(text: str) -> None:
    date = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
    encoding = sys.stdout.encoding or "utf-8"
    print(f"{date}  {printable(text)}".encode(encoding, "replace").decode(encoding), flush=True)


def _code(followed: Sequence[Followed]) -> int:
    return 1 if any(one.held is not None and one.held.results.status == "failed" for one in followed) else 0


if __name__ == "__main__":
    _script.run(main)
