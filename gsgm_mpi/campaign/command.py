"""From options to the command of a run, and to the configuration that the program makes of it."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gsgm_mpi.cli import parse
from gsgm_mpi.config import Config
from gsgm_mpi.errors import UserError, bad_option
from gsgm_mpi.results.reader import read_provenance

#: With these a launcher tells a process that it is a rank. A campaign that is one itself must not pass them on, or its
#: runs would take themselves for that rank.
_OF_A_RANK = ("PMI_", "PMIX_", "OMPI_COMM_WORLD_", "MPI_LOCAL", "HYDI_")


class Launch(NamedTuple):
    """How runs of virtual time are started."""

    #: 1: without a launcher.
    ranks: int = 1
    #: ``{ranks}`` stands for their number.
    launcher: str = "mpiexec -n {ranks}"

    def command(self, ranks: int) -> list[str]:
        """What comes before the program: nothing for one rank."""
        try:
            return shlex.split(self.launcher.format(ranks=ranks)) if ranks > 1 else []
        except (LookupError, ValueError, AttributeError) as error:
            accepted = "a command in which {ranks} stands for their number"
            raise bad_option("--launcher", self.launcher, accepted, f"e.g. {Launch().launcher}") from error


def environment(own: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Of a run's process."""
    return {name: value for name, value in own.items() if not name.startswith(_OF_A_RANK)}


def flags(options: Mapping[str, Any]) -> list[str]:
    """Options as they are typed."""
    typed = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            typed.append(flag if value else "--no-" + flag.removeprefix("--"))
        else:
            typed += [flag, str(value)]
    return typed


def configure(arguments: Sequence[str]) -> Config:
    """What the program makes of its arguments; not settled.

    Raises:
        UserError: what the program would refuse, and what has no meaning in a campaign.
    """
    command = parse(arguments, _recorded_config)
    config = command.resolved.config
    if command.only_show or config.output != Config.output:
        raise UserError("--show-config and --output have no meaning in a campaign; leave them out")
    return config


def _recorded_config(path: str, option: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_provenance(Path(path), option)["config"])
    return found
