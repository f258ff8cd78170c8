"""``--resume``: what there is of a run that was cut, and whether it is the same run. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gsgm_mpi import data
from gsgm_mpi.config import Config
from gsgm_mpi.errors import UserError
from gsgm_mpi.program.identity import first_difference, identity, identity_of
from gsgm_mpi.program.wall import complain
from gsgm_mpi.results import checkpoint
from gsgm_mpi.results.reader import read_provenance

if TYPE_CHECKING:
    from gsgm_mpi.program.parts import Parts


class Found(NamedTuple):
    """What there is of a run."""

    #: How it ended, where it needs nothing more; else empty.
    ended: str = ""
    #: The newest checkpoint that is whole.
    state: dict[str, Any] | None = None


def look(config: Config) -> Found:
    """Looks for what the results file and the checkpoints beside it say.

    Args:
        config: settled.

    Raises:
        UserError: where they are of another configuration, or the results file is none.
    """
    output = Path(config.output)
    if not config.resume:
        return Found()
    if output.exists():
        provenance = read_provenance(output, "--output")
        _check("results file", identity_of(provenance), config)
        if provenance["status"] in ("finished", "diverged"):
            return Found(ended=str(provenance["status"]))
    state = checkpoint.load_newest(output.resolve(), complain)
    if state is not None:
        if int(state["run.format"]) != checkpoint.FORMAT:
            raise UserError(
                f"--resume: the checkpoint beside {config.output} has format {int(state['run.format'])}, this program "
                f"reads {checkpoint.FORMAT}; use the program that wrote it, or name another --output"
            )
        _check("checkpoint", json.loads(checkpoint.text(state, "run.identity")), config)
    return Found(state=state)


def data_of(parts: Parts) -> str:
    """What tells a run's data and their partition from others; options do not: a folder's contents may change."""
    return f"{parts.problem.data_hash} {data.partition_hash(parts.shards)}"


def check_data(state: Mapping[str, Any], parts: Parts) -> None:
    """Raises :class:`UserError` where a checkpoint is of other data than the run that is to go on from it."""
    if checkpoint.text(state, "run.data") != data_of(parts):
        config = parts.config
        raise UserError(
            f"--resume: the checkpoint beside {config.output} was made with other data than --dataset {config.dataset} "
            "has now; put them back, check --data-dir and --cache-dir, or name another --output"
        )


def _check(what: str, there: Mapping[str, Any], config: Config) -> None:
    here = json.loads(json.dumps(identity(config)))
    key = first_difference(there, here)
    if key is not None:
        flag = "--" + key.replace("_", "-")
        if key.endswith("_source"):
            raise UserError(
                f"--resume: the file of {flag.removesuffix('-source')} has changed since the {what} beside "
                f"{config.output} was written; put it back, or name another --output"
            )
        raise UserError(
            f"--resume: the {what} beside {config.output} is of another configuration: {flag} was "
            f"{_shown(there.get(key))}, now it is {_shown(here.get(key))}; give the same options, or another --output"
        )


def _shown(value: object) -> object:
    return "not given" if value is None or value == "" else value
