"""The mean of vectors over ranks, as two collectives; the same bits in any order (gsgm_mpi/exact_mean.py).

The collectives are the non-blocking ones, waited for asleep: the blocking ones spin, and where ranks share cores that
keeps others from computing (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from mpi4py import MPI

from gsgm_mpi.exact_mean import Float64, exponent, from_integers, to_integers


def all_mean(
    comm: MPI.Intracomm,
    mine: Sequence[Float64],
    d: int,
    terms: int,
    wait: Callable[[MPI.Request], None],
    flag: float = 0.0,
) -> tuple[Float64, float]:
    """The mean on every rank of ``comm``, which all must call.

    Args:
        comm: whoever takes part.
        mine: this rank's vectors, float64, shape (d,); none where it only listens.
        d: their length.
        terms: how many vectors there are on all ranks.
        wait: waits for a request.
        flag: travels along.

    Returns:
        The mean, float64, shape (d,), NaN where any vector was not finite; and the largest flag.
    """
    head = np.array([max(map(exponent, mine), default=-np.inf), flag])
    wait(comm.Iallreduce(MPI.IN_PLACE, head, MPI.MAX))
    e, flag = head.tolist()
    total = np.zeros(d, dtype=np.int64)
    for x in mine:
        total += to_integers(x, e, terms)
    wait(comm.Iallreduce(MPI.IN_PLACE, total, MPI.SUM))
    return from_integers(total, e, terms), flag
