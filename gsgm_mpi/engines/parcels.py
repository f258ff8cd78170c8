"""Receives what gsgm_mpi/engines/packing.py packed, asleep until it comes."""

from __future__ import annotations

from typing import Any

import numpy as np
from mpi4py import MPI

from gsgm_mpi.engines.failures import raise_failure
from gsgm_mpi.engines.packing import unpack
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.wire import Tag
from gsgm_mpi.learners import Vector


def receive(comm: MPI.Intracomm, source: int, tag: Tag, patience: Patience) -> tuple[dict[str, Any], dict[str, Vector]]:
    """Waits for the next parcel of a source; rank 0 looks out for failures meanwhile."""
    patience.reset()
    while (parcel := poll(comm, source, tag)) is None:
        if comm.Get_rank() == 0:
            raise_failure(comm)
        patience.pause()
    return parcel[1], parcel[2]


def poll(comm: MPI.Intracomm, source: int, tag: Tag) -> tuple[int, dict[str, Any], dict[str, Vector]] | None:
    """A parcel with its source, if one has come."""
    status = MPI.Status()
    message = comm.Improbe(source=source, tag=tag, status=status)
    if message is None:
        return None
    buffer = np.empty(status.Get_count(MPI.BYTE), dtype=np.uint8)
    message.Recv(buffer)
    return (status.Get_source(), *unpack(buffer))
