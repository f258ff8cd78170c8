"""SVRG's synchronous phase (Algorithms 3 and 4): the snapshot goes out, the full gradient comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpi4py import MPI

from gsgm_mpi.engines.all_mean import all_mean
from gsgm_mpi.engines.failures import wait
from gsgm_mpi.exact_mean import Float64
from gsgm_mpi.learners import Vector


def full_gradient(
    comm: MPI.Intracomm,
    snapshot: Vector,
    learners: int,
    compute: Callable[[Vector], Sequence[Float64]],
    idle: Callable[[], object] = lambda: None,
) -> Vector:
    """Forms μ = (1/K) Σ_k ∇F_k(w̃) on every rank.

    Args:
        comm: all ranks; rank 0 is the server.
        snapshot: w̃, float32, shape (d,): read on rank 0, filled on the others.
        learners: K.
        compute: w̃ to ∇F_k(w̃) of those learners that this rank stands for, each float64, shape (d,), already times
            K·n_k/n where learners weigh by samples.
        idle: called now and then while this rank waits for others.

    Returns:
        μ, float32, shape (d,), the same bits on every rank and for any number of ranks.
    """
    wait(comm.Ibcast(snapshot, root=0), comm, idle)
    mine = compute(snapshot)
    mean, _ = all_mean(comm, mine, snapshot.size, learners, lambda request: wait(request, comm, idle))
    return mean.astype("float32")
