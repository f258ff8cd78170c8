"""How many updates a second the server and the transport manage, where a gradient costs nothing, or only time.

Run as ``mpiexec -n N python benchmarks/transport.py``. The loops are those of a real run (gsgm_mpi/engines); only the
gradient is a constant vector, after a sleep if ``--gradient-time`` says so: then many learners need few cores. Machines
are noisy: compare settings in alternation and trust ratios only; rank 0's own processor time is steadier.
"""

from __future__ import annotations

import argparse
import os
import time

from gsgm_mpi.program.launch import Launch, tune

LAUNCH = Launch.read(os.environ)
tune(os.environ)  # before numpy is imported, as the program does it

import numpy as np
from mpi4py import MPI

from gsgm_mpi.engines.clock import Happening
from gsgm_mpi.engines.conductor import Conductor, Expected, UpdateRow
from gsgm_mpi.engines.failures import barrier
from gsgm_mpi.engines.learner import Learner
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.server import Server
from gsgm_mpi.learners import Vector
from gsgm_mpi.methods import METHODS
from gsgm_mpi.plan import Plan

#: Lengths of the weights: the default model (mlp on digits), mnistnet, and a large one.
SIZES = (4_810, 21_840, 586_184)


class Constant:
    """A problem whose gradient is there at once, or after a sleep."""

    def __init__(self, d: int, sleep_s: float) -> None:
        self._g = np.full(d, 1e-6, dtype=np.float32)
        self._sleep_s = sleep_s

    def gradient(self, w: Vector, k: int, i: int) -> tuple[Vector, float]:
        """The same vector always; nobody writes to it where variance is not reduced."""
        del w, k, i
        if self._sleep_s:
            time.sleep(self._sleep_s)
        return self._g, 0.0


class Silence:
    """A journal, an observer and a saver that keep nothing."""

    def on_update(self, row: UpdateRow) -> None:
        """A row goes nowhere."""

    def on_epoch(self, epoch: int, update: int, w: Vector) -> None:
        """Nothing is evaluated."""

    def on_event(self, happening: Happening, fingerprint: int = 0, expected: Expected | None = None) -> None:
        """Events are not kept."""

    def on_sent(self, payload_bytes: int) -> None:
        """Bytes are not counted."""

    def due(self, epochs: int) -> bool:
        """Nothing is saved."""
        del epochs
        return False

    def save(self) -> None:
        """Nothing is saved."""

    def tick(self) -> bool:
        """Nothing waits to be done."""
        return False


def measure(
    comm: MPI.Intracomm, name: str, d: int, sleep_s: float, seconds: float, patience: Patience
) -> tuple[float, float]:
    """Updates a second at d parameters, and rank 0's processor seconds for each; of use on rank 0 only."""
    barrier(comm)
    if comm.Get_rank():
        Learner(comm, Constant(d, sleep_s), METHODS[name].rule(), d, 1, patience).run()
        return 0.0, 0.0
    learners = range(1, comm.Get_size())
    # Longer than any measurement: time ends it.
    plan = Plan(batches=(10**6,) * len(learners), epochs=1000, lr=0.01)
    method = METHODS[name](np.zeros(d, dtype=np.float32), learners, lr=plan.lr)
    journal = Silence()
    conductor = Conductor(method, plan, lambda _: 1, journal)
    began, busy = time.perf_counter(), time.process_time()
    server = Server(
        comm,
        conductor,
        journal,
        journal,
        steps=1,
        variance_reduced=False,
        stop_requested=lambda: time.perf_counter() - began > seconds,
        elapsed=lambda: time.perf_counter() - began,
        patience=patience,
    )
    server.run()
    return conductor.update / (time.perf_counter() - began), (time.process_time() - busy) / conductor.update


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each measurement")
    parser.add_argument("--d", type=int, nargs="+", default=SIZES, help="lengths of the vector")
    parser.add_argument("--method", default="gsgm", help="a method without options (%(default)s)")
    parser.add_argument("--gradient-time", type=float, default=0.0, metavar="S", help="learners sleep so long")
    eager = 0 if LAUNCH.crowded else 500
    parser.add_argument("--eager", type=int, default=eager, help="polls before the first sleep")
    parser.add_argument("--shortest", type=float, default=20.0, help="first sleep, in µs")
    parser.add_argument("--longest", type=float, default=1000.0, help="longest sleep, in µs")
    options = parser.parse_args()
    comm = MPI.COMM_WORLD
    patience = Patience(options.eager, 1e-6 * options.shortest, 1e-6 * options.longest)
    if comm.Get_rank() == 0:
        library = MPI.Get_library_version().replace("\0", "").splitlines()[0].split(",")[0].strip()
        print(f"{library}; {comm.Get_size()} ranks, {os.cpu_count()} cores")
        print(f"{'parameters':>12}{'updates/s':>12}{'MB/s':>8}{'rank 0, µs':>12}", flush=True)
    for d in options.d:
        rate, busy_s = measure(comm, options.method, d, options.gradient_time, options.seconds, patience)
        if comm.Get_rank() == 0:
            # Weights down and gradient up, float32.
            print(f"{d:12,}{rate:12,.0f}{8e-6 * d * rate:8,.0f}{1e6 * busy_s:12,.0f}", flush=True)


if __name__ == "__main__":
    main()
