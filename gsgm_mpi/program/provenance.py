"""Where a run comes from: the attributes of ``/provenance``."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import mpi4py
import numpy as np
import torch
from mpi4py import MPI

from gsgm_mpi import __version__, data
from gsgm_mpi.program.identity import sources

if TYPE_CHECKING:
    from gsgm_mpi.program.parts import Parts


def provenance(parts: Parts, hosts: list[str]) -> dict[str, Any]:
    """Everything that is known before training begins; values that are no text or number are stored as JSON."""
    config = parts.config
    return {
        "config": config.to_dict(),
        "argv": list(parts.argv),
        "learners": parts.plan.learners,
        "ranks": len(hosts),
        "clock": config.clock,
        "sources": sources(config),
        "model": parts.model,
        "parameters": parts.problem.d,
        "seed": config.seed,
        "partition_hash": data.partition_hash(parts.shards),
        "data_hash": parts.problem.data_hash,
        "evaluated_on": "validation" if config.validation else "test",
        "threads": config.threads,
        "memory_format": parts.problem.memory_format,
        "device": config.device,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "hosts": hosts,
        "git_commit": git_commit(),
        "versions": {
            "gsgm_mpi": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "h5py": h5py.__version__,
            "hdf5": h5py.version.hdf5_version,
            "mpi4py": mpi4py.__version__,
        },
        "mpi_library": MPI.Get_library_version().strip(" \0\n"),
        "platform": platform.platform(),
    }


def git_commit() -> str:
    """The commit of the source tree this package lies in, read from its files; empty where it is no checkout.

    Read, not asked of git: a process that runs MPI must not fork.
    """
    git = Path(__file__).parents[2] / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        ref = head.removeprefix("ref: ")
        if (git / ref).is_file():
            return (git / ref).read_text().strip()
        packed = (git / "packed-refs").read_text().splitlines()
    except OSError:
        return ""
    return next((line.split()[0] for line in packed if line.endswith(f" {ref}")), "")
