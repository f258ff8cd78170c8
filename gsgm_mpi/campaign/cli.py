"""The command line of campaigns."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from gsgm_mpi.campaign.command import Launch, environment
from gsgm_mpi.campaign.conduct import Conductor
from gsgm_mpi.campaign.folder import Folder, State
from gsgm_mpi.campaign.grid import Campaign, expand, only, read
from gsgm_mpi.campaign.show import Lines, result, standings
from gsgm_mpi.errors import UserError, bad_option
from gsgm_mpi.program.launch import FAILED, FINISHED, STOPPED, USAGE, cores
from gsgm_mpi.program.wall import complain, say

_DESCRIPTION = """\
Does all runs of a campaign: every combination of the axes in its file. Runs that have ended are skipped, those that
were cut go on. Options of the program after "--" win over the file's, e.g. to name another data set:

  python -m gsgm_mpi.campaign jobs/campaigns/smoke.toml --all
  python -m gsgm_mpi.campaign FILE --all --jobs 8 -- --dataset mnist --data-dir DATA --epochs 20
"""
_EPILOG = """\
exit code: 0 all that was asked for has ended, 1 some run failed (the same command tries it again), 2 usage, 85 stopped
by SIGINT, SIGTERM or SIGUSR1 with checkpoints (the same command goes on).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(_split(argv)[0])
    try:
        folder = _folder(options, _split(argv)[1])
        if options.list:
            return _print(_listed(folder))
        if options.status:
            return _print(standings(folder))
        if options.index is not None:
            return _one(folder, options.index, only_path=options.path)
        return _all(folder, options.jobs)
    except UserError as error:
        complain(str(error))
        return USAGE
    except BrokenPipeError:
        # Runs have been stopped. What is left to be written must not fail once more at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINISHED if options.list or options.status else STOPPED
    except KeyboardInterrupt:
        complain("stopped before any run began")
        return STOPPED


def _print(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return FINISHED


def _split(argv: Sequence[str] | None) -> tuple[list[str], list[str]]:
    given = list(sys.argv[1:] if argv is None else argv)
    cut = given.index("--") if "--" in given else len(given)
    return given[:cut], given[cut + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gsgm_mpi.campaign",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the campaign, e.g. jobs/campaigns/smoke.toml")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--list", action="store_true", help="print index, name, hash and options of each run")
    action.add_argument("--status", action="store_true", help="print where each run stands")
    action.add_argument("--index", type=int, metavar="I", help="do one run, e.g. of a job array")
    action.add_argument("--all", action="store_true", help="do all runs")
    parser.add_argument("--path", action="store_true", help="with --index: print the run's results file, and stop")
    parser.add_argument("--jobs", type=int, metavar="N", help="with --all: runs at once (default: as cores allow)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="AXIS=LABEL,..", help="leave out the rest of an axis"
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where results lie (default: results/NAME-OF-FILE)")
    parser.add_argument("--ranks", type=int, default=1, metavar="N", help="of each run in virtual time (%(default)s)")
    parser.add_argument(
        "--launcher",
        default=Launch().launcher,
        metavar="COMMAND",
        help="of runs with more than one rank (%(default)s)",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=int,
        default=5,
        metavar="N",
        help="epochs from checkpoint to checkpoint (%(default)s)",
    )
    return parser


def _folder(options: argparse.Namespace, overrides: Sequence[str]) -> Folder:
    for name, least in (("jobs", 1), ("ranks", 1), ("checkpoint_every", 0), ("index", 0)):
        given = getattr(options, name)
        if given is not None and given < least:
            raise bad_option("--" + name.replace("_", "-"), given, f"a whole number >= {least}")
    campaign = only(_read(options.file), options.only)
    path = options.folder or Path("results") / options.file.stem
    return Folder(
        path,
        expand(campaign),
        overrides,
        Launch(options.ranks, options.launcher),
        checkpoint_every=options.checkpoint_every,
    )


def _read(path: Path) -> Campaign:
    try:
        return read(tomllib.loads(path.read_text()))
    except OSError as error:
        raise bad_option("FILE", path, "a campaign that can be read", str(error.strerror)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise bad_option("FILE", path, "a TOML file", str(error)) from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _listed(folder: Folder) -> str:
    width = max(len(job.name) for job in folder.jobs)
    lines = []
    for i, job in enumerate(folder.jobs):
        arguments = folder.arguments(job)
        said = "waits for trials" if arguments is None else shlex.join(arguments)
        lines.append(f"{i:4}  {job.name.ljust(width)}  {folder.digest(job) or '-' * 12}  {said}\n")
    return "".join(lines)


def _one(folder: Folder, index: int, *, only_path: bool) -> int:
    """Becomes the run itself, so that signals and the exit code are the run's."""
    if index >= len(folder.jobs):
        raise bad_option("--index", index, f"a whole number in [0, {len(folder.jobs) - 1}]", "see --list")
    job = folder.jobs[index]
    if only_path:
        return _print(f"{folder.output(job)}\n")
    there = folder.standing(job)
    if there.state.ended:
        say(f"{job.name} has {result(there)}; nothing is left to do")
        return FINISHED
    if there.state == State.FOREIGN:
        raise UserError(f"run {job.name}: {there.text}")
    if there.state == State.WAITING:
        left = [str(i) for i, trial in enumerate(folder.jobs) if trial in folder.trials(job)]
        complain(f"run {job.name}: its rate is chosen by runs {', '.join(left)}; do these first")
        return FAILED
    _make(folder.output(job).parent)
    command = folder.command(job)
    sys.stdout.flush()
    try:
        return os.execvpe(command[0], command, environment())
    except OSError as error:
        raise UserError(f"run {job.name} cannot be started: {command[0]}: {error.strerror}") from error


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise bad_option("--folder", path, "a folder that can be made", str(error.strerror)) from error


def _all(folder: Folder, jobs: int | None) -> int:
    requested = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda *_: requested.append(True))
    at_once = jobs or max(1, cores() // folder.most_ranks())
    _make(folder.path)
    with Lines(folder, bar=sys.stdout.isatty()) as lines:
        code = Conductor(folder, at_once, lines, lambda: bool(requested)).run()
    say(lines.summary(code))
    assert code in (FINISHED, FAILED, STOPPED)
    return code
