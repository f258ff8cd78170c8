"""The device that gradients are computed on, and its random generators."""

from __future__ import annotations

import torch

from gsgm_mpi.errors import UserError, bad_option


def find_device(name: str) -> torch.device:
    """The device of ``--device``, made to give the same gradient twice.

    Args:
        name: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UserError: for any other name, and for a GPU that is not there.
    """
    kind, _, number = name.partition(":")
    if name != "cpu" and (kind != "cuda" or (":" in name and not number.isdecimal())):
        raise bad_option("--device", repr(name), "cpu, cuda or cuda:N")
    if kind == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        build = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built for CPUs"
        raise UserError(
            f"--device {name}: torch {torch.__version__}, {build}, finds no GPU on this host; use --device cpu"
        )
    count = torch.cuda.device_count()
    if int(number or 0) >= count:
        raise bad_option("--device", name, f"one of cuda:0 to cuda:{count - 1} on this host")
    # A gradient must have the same bits each time: no algorithm chosen by timing it.
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.cuda.init()
    return torch.device("cuda", int(number or 0))


def generators(device: torch.device) -> list[torch.Generator]:
    """The generators that layers on ``device`` may draw from."""
    if device.type == "cuda":
        return [torch.default_generator, torch.cuda.default_generators[device.index]]
    return [torch.default_generator]
