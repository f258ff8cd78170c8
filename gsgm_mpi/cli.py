"""The command line: from ``argv`` to a configuration. Runs on rank 0 alone; prints nothing but help."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from gsgm_mpi import __version__
from gsgm_mpi.config import (
    Resolved,
    Spec,
    find_method,
    general_specs,
    preset_path,
    read_toml,
    resolve,
)
from gsgm_mpi.errors import UserError
from gsgm_mpi.methods import Method

_DESCRIPTION = """\
Trains a model with an asynchronous parameter server (rank 0) and K learners (ranks 1..K), each on its own shard of the
data.
All metrics go to one HDF5 file, which the scripts in analysis/ read."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of the whole usage; an unknown flag is answered with the nearest known one."""
        unknown = message.removeprefix("unrecognized arguments: ").split()[0]
        near = difflib.get_close_matches(unknown.split("=")[0], self._option_string_actions, n=1)
        hint = f"; did you mean {near[0]}?" if near and unknown.startswith("--") else ""
        raise UserError(f"{message}{hint}; see python -m gsgm_mpi --help")


def parse(argv: Sequence[str]) -> tuple[Resolved, bool]:
    """Reads the command line.

    Returns:
        The configuration, and whether only ``--show-config`` was asked for.

    Raises:
        UserError: any mistake.
        SystemExit: after ``--help`` and ``--version``.
    """
    first = _Parser(add_help=False, allow_abbrev=False)
    _add_sources(first)
    first.add_argument("--method")
    early, _ = first.parse_known_args([a for a in argv if a not in ("-h", "--help")])
    method = find_method(_method_name(early))
    known = vars(_parser(method).parse_args(argv))
    sources = {name: known.pop(name, None) for name in ("preset", "config", "show_config")}
    return resolve(known, sources["preset"], sources["config"]), bool(sources["show_config"])


def _method_name(early: argparse.Namespace) -> Any:
    """The method decides which options there are, so it is looked up before the rest is read."""
    if early.method is not None:
        return str(early.method)
    given: dict[str, Any] = {}
    if early.preset is not None:
        given |= read_toml(preset_path(early.preset), "--preset")
    if early.config is not None:
        given |= read_toml(Path(early.config), "--config")
    return given.get("method", "gsgm")


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", metavar="NAME", help="paper-mnistnet, paper-lenet or paper-convnet")
    parser.add_argument("--config", metavar="FILE", help="options as TOML; flags win over it")
    parser.add_argument(
        "--show-config",
        action="store_true",
        help="print the configuration as TOML that --config reads, and stop",
    )


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
