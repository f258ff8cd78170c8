"""The cluster that the options describe: which clock, how many learners, how fast each, over what links. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

from gsgm_mpi.config import Config
from gsgm_mpi.durations import Durations, Measured, Modelled, Recorded, Slowing, parse_factors
from gsgm_mpi.errors import UserError
from gsgm_mpi.network import Link, parse_outages

#: Options that only a modelled cluster heeds, with the value that means nothing.
_VIRTUAL_ONLY = {"latency": 0.0, "bandwidth": 0.0, "server_time": 0.0, "outages": "", "durations_from": None}
#: Under virtual time, where ``--durations`` is not given.
DEFAULT_DURATIONS = "lognormal:0.1"


def settle(config: Config, ranks: int) -> Config:
    """The configuration with ``clock`` and ``learners`` as they follow from the number of ranks.

    Raises:
        UserError: where they do not fit it, or each other.
    """
    alone = ranks == 1
    clock = config.clock or ("virtual" if alone or config.durations_from else "wall")
    if clock == "wall" and alone:
        raise UserError(
            "--clock wall needs at least 2 ranks (rank 0 serves, the others learn), not 1; start it with mpiexec -n K+1"
        )
    if config.learners is None and alone:
        raise UserError(
            "--learners must be given where there is one rank (virtual time), e.g. --learners 4; or start real "
            "learners with mpiexec -n K+1"
        )
    learners = config.learners or ranks - 1
    if clock == "wall" and learners != ranks - 1:
        raise UserError(
            f"--learners must be one less than the {ranks} ranks under --clock wall, not {learners}; start it with "
            f"mpiexec -n {learners + 1}, or use --clock virtual"
        )
    for name, nothing in _VIRTUAL_ONLY.items():
        if clock == "wall" and getattr(config, name) != nothing:
            flag = "--" + name.replace("_", "-")
            raise UserError(f"{flag} is an option of --clock virtual, not of --clock wall; leave it out")
    if clock == "virtual" and config.options.get("groups") == "node":
        raise UserError(
            "--groups node has no meaning under --clock virtual, whose learners have no nodes; use contiguous"
        )
    if config.durations_from is not None and config.durations is not None:
        raise UserError("--durations cannot be given with --durations-from, which says how long gradients take")
    if config.gradient_time != Config.gradient_time and (
        config.durations_from is not None or (clock == "wall" and config.durations is None)
    ):
        raise UserError("--gradient-time is for --durations, which is not in use here; leave it out")
    parse_factors(config.speeds, config.slow, learners, config.seed)
    parse_outages(config.outages, learners)
    return replace(config, clock=clock, learners=learners)


def link(config: Config) -> Link:
    """Between the server and each learner."""
    return Link(config.latency, config.bandwidth or math.inf, config.server_time)


def durations(config: Config, recorded: Measured | None) -> Durations:
    """Of gradients in virtual time.

    Args:
        config: settled.
        recorded: what the run that ``--durations-from`` names tells.
    """
    factors = _factors(config)
    if recorded is not None:
        return Recorded(recorded, factors)
    return Modelled(config.durations or DEFAULT_DURATIONS, factors, mean_s=config.gradient_time, seed=config.seed)


def slowing(config: Config) -> Slowing | None:
    """How real learners are made slower; None: not at all. Of unequal speeds the fastest is a learner's own."""
    if not (config.durations or config.speeds or config.slow):
        return None
    factors = _factors(config)
    if config.durations is None:
        return Slowing(None, [factor / min(factors) for factor in factors])
    return Slowing(Modelled(config.durations, factors, mean_s=config.gradient_time, seed=config.seed), factors)


def _factors(config: Config) -> list[float]:
    assert config.learners is not None
    return parse_factors(config.speeds, config.slow, config.learners, config.seed)
