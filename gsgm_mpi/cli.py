"""The command line: from ``argv`` to a configuration. Runs on rank 0 alone; prints nothing but help."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from gsgm_mpi import __version__
from gsgm_mpi.config import NO_PART_OF_A_RUN, Spec, general_specs
from gsgm_mpi.errors import UserError, bad_option
from gsgm_mpi.methods import METHODS, Method
from gsgm_mpi.resolve import Resolved, choose, foreign_option, preset_path, read_toml, resolve

_DESCRIPTION = """\
Trains a model with an asynchronous parameter server (rank 0) and K learners (ranks 1..K), each on its own shard of the
data.
All metrics go to one HDF5 file, which the scripts in analysis/ read."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of the whole usage; an unknown flag is answered with the nearest known one."""
        unknown = message.removeprefix("unrecognized arguments: ").split()[0]
        whose = foreign_option(unknown.split("=")[0].removeprefix("--").replace("-", "_"))
        if whose and message.startswith("unrecognized"):
            raise UserError(f"{whose}; see python -m gsgm_mpi --list-methods")
        near = difflib.get_close_matches(unknown.split("=")[0], self._option_string_actions, n=1)
        hint = f"; did you mean {near[0]}?" if near and unknown.startswith("--") else ""
        raise UserError(f"{message}{hint}; see python -m gsgm_mpi --help")


class Command(NamedTuple):
    """What the command line asks for."""

    resolved: Resolved
    #: Only ``--show-config``.
    only_show: bool
    #: A recorded run to be proved instead of a new one, and the update to stop at.
    replay: str | None = None
    until: int | None = None
    #: Whether ``--output`` is written.
    writes: bool = True


def _no_records(path: str, option: str) -> Mapping[str, Any]:
    raise UserError(f"{option} cannot be read here: {path}")


#: What may be said of a replay: where things lie, not what the run was.
_OF_A_REPLAY = ("data_dir", "cache_dir", "download", "output", "force", "report_every")
_FROM_THE_RECORD = ("data_dir", "cache_dir")
#: What a run under ``--durations-from`` has from the recorded one unless it says otherwise.
_OF_A_RECORDED_CLUSTER = (
    "algo", "dataset", "data_dir", "cache_dir", "validation", "partition", "model", "epochs", "inner_epochs",
    "batch_size", "lr_decay", "warmup_epochs", "weight_decay", "weighting", "budget", "augment", "seed", "device",
    "memory_format", "threads", "learners",
)  # fmt: skip


def parse(argv: Sequence[str], recorded: Callable[[str, str], Mapping[str, Any]] = _no_records) -> Command:
    """Reads the command line.

    Args:
        argv: without the program's name.
        recorded: a results file and the option that names it to the options of the run recorded there.

    Returns:
        What is asked for.

    Raises:
        UserError: any mistake.
        SystemExit: after ``--help`` and ``--version``.
    """
    first = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    _add_sources(first)
    general = general_specs()
    for name in ("method", "gate", "local_momentum"):
        _add(first, name, *general[name])
    early = vars(first.parse_known_args([a for a in argv if a not in ("-h", "--help")])[0])
    if "replay" in early:
        return _parse_replay(argv, early, recorded)
    method = choose(_early(early)).method
    known = vars(_parser(method).parse_args(argv))
    sources = {name: known.pop(name, None) for name in ("preset", "config", "show_config", "until")}
    if sources["until"] is not None:
        raise UserError("--until has a meaning only with --replay FILE; leave it out")
    base: dict[str, Any] = {}
    source = known.get("durations_from", _early(early).get("durations_from"))
    if isinstance(source, str):
        found = recorded(source, "--durations-from")
        base = {name: found[name] for name in _OF_A_RECORDED_CLUSTER if name in found}
    resolved = resolve(known, sources["preset"], sources["config"], base)
    return Command(resolved, bool(sources["show_config"]))


def _parse_replay(
    argv: Sequence[str], early: Mapping[str, Any], recorded: Callable[[str, str], Mapping[str, Any]]
) -> Command:
    config = dict(recorded(early["replay"], "--replay"))
    known = vars(_parser(choose(config).method).parse_args(argv))
    file, until = known.pop("replay"), known.pop("until", None)
    only_show = bool(known.pop("show_config", False))
    for name in known:
        if name not in _OF_A_REPLAY:
            flag = "--" + name.replace("_", "-")
            raise UserError(f"{flag} cannot be given with --replay, which repeats the run as it was; leave it out")
    if until is not None and not (isinstance(until, int) and until >= 1):
        raise bad_option("--until", until, "a whole number >= 1")
    kept = {name: value for name, value in config.items() if name not in NO_PART_OF_A_RUN or name in _FROM_THE_RECORD}
    return Command(resolve(kept | known, None, None), only_show, file, until, writes="output" in known)


def _early(flags: dict[str, Any]) -> dict[str, Any]:
    """What decides which options there are, so that it is looked up before the rest is read."""
    given: dict[str, Any] = {}
    if flags.get("preset") is not None:
        given |= read_toml(preset_path(flags["preset"]), "--preset")
    if flags.get("config") is not None:
        given |= read_toml(Path(flags["config"]), "--config")
    return given | flags


class _ListMethods(argparse.Action):
    """Prints the methods, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        parser._print_message(list_methods(), sys.stdout)
        parser.exit()


def _whole(given: str) -> int | str:
    return int(given) if given.isdecimal() else given


def list_methods() -> str:
    """A line for each method: what it is, where from, what it costs, what it equals in special cases."""
    head = ("method", "what it does", "paper", "wire", "server", "reduces to")
    rows = [(m.name, m.line, m.paper, m.wire, m.memory, m.reduces_to) for m in METHODS.values()]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]
    return (
        "wire: vectors of length d (float32) that travel for each gradient, both directions together\n"
        "server: vectors of length d that rank 0 keeps, weights in flight not counted\n\n" + "\n".join(lines) + "\n"
    )


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--replay", metavar="FILE", help="recompute a recorded run and prove that it is the same")
    parser.add_argument("--until", metavar="N", type=_whole, help="with --replay: stop after update N")
    parser.add_argument("--preset", metavar="NAME", help="paper-mnistnet, paper-lenet or paper-convnet")
    parser.add_argument("--config", metavar="FILE", help="options as TOML; flags win over it")
    parser.add_argument(
        "--show-config",
        action="store_true",
        help="print the configuration as TOML that --config reads, and stop",
    )
    parser.add_argument("--list-methods", action=_ListMethods, nargs=0, help="print all methods, and stop")


def _parser(method: type[Method]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mpiexec -n K+1 python -m gsgm_mpi",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"gsgm_mpi {__version__}")
    _add_sources(parser)
    for name, (kind, default, spec) in general_specs().items():
        _add(parser, name, kind, default, spec)
    own = parser.add_argument_group(f"options of --method {method.name}")
    for extra in method.options():
        if extra.name in general_specs():
            raise UserError(
                f"--method {method.name} has an option {extra.name}, as every run has; give it another name"
            )
        _add(own, extra.name, extra.type, extra.default, Spec(*extra.option))
    return parser


def _add(parser: Any, name: str, kind: type, default: Any, spec: Spec) -> None:
    flag = "--" + name.replace("_", "-")
    text = spec.help.replace("%", "%%")
    if kind is bool:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text)
        return
    shown = "" if default in (None, "") else f" (default {default})"

    def read(given: str) -> Any:
        try:
            return kind(given)
        except ValueError:
            # Left as it is: resolve() names option, range and value in the one form all errors have.
            return given

    parser.add_argument(
        flag,
        type=read,
        help=text + shown,
        metavar=spec.metavar or ("{" + ",".join(spec.choices) + "}" if spec.choices else "X"),
    )
