"""Runs many small cases in virtual time and prints a digest of each; on any number of ranks it must print the same.

mpiexec -n N python tests/mpi/many_cases.py --cases M
"""

from __future__ import annotations

import argparse
import hashlib
import traceback

import numpy as np
from mpi4py import MPI

from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.pool import InPlace, OverRanks, compute_for_all
from gsgm_mpi.network import Link, Outage
from gsgm_mpi.plan import Plan
from tests.methods.drive import CASES
from tests.virtual import D, Engine, Setting


def setting(number: int) -> tuple[Setting, int | None]:
    """A case that depends on its number alone, and when it is asked to stop, if it is."""
    rng = np.random.default_rng(number)

    def one_of(*values):
        return values[int(rng.integers(len(values)))]

    case = CASES[number * 37 % len(CASES)]  # 37 has no divisor in common with their number, so all have their turn
    K = int(rng.integers(1, 8))
    variance_reduced = case.method.variance_reduced and one_of(True, False)
    plan = Plan(
        batches=tuple(rng.integers(1, 4, K).tolist()),
        epochs=one_of(2, 3),
        lr=0.05,
        inner_epochs=one_of(1, 2) if variance_reduced else None,
        per_learner=not case.method.collective and one_of(True, False),
        even=case.method.collective,
    )
    begins = sorted((rng.integers(0, 30, 2) / 4).tolist())
    away = (int(rng.integers(1, K + 1)), one_of(1, K))
    found = [Outage(k, begin_s, begin_s + 0.1 + rng.random()) for k, begin_s in zip(away, begins, strict=True)]
    if away[0] == away[1] and begins[1] <= found[0].end_s:
        found.pop()
    return (
        Setting(
            case,
            plan,
            durations=one_of("constant", "lognormal:0.5", "gamma:2"),
            speeds=one_of("", "spread:4", "lognormal:0.5"),
            link=Link(one_of(0, 0.25), one_of(np.inf, 48), one_of(0, 0.5)),
            outages=tuple(found),
            seed=number,
            variance_reduced=variance_reduced,
        ),
        one_of(None, None, int(rng.integers(1, 30))),
    )


def digest(comm: MPI.Intracomm, number: int) -> str:
    """Rank 0's part of one case."""
    described, stop_at = setting(number)

    def pool(bench, learners):
        if comm.Get_size() == 1:
            return InPlace(bench, learners)
        return OverRanks(comm, bench, learners, lambda: False, Patience())

    engine = Engine(described, pool=pool, comm=comm, stop_at=stop_at)
    outcome = engine.run()
    state = engine.checkpoint()
    engine.pool.close()
    # Memories are stored in the order in which they came about.
    kept = [(name, state[name].tobytes()) for name in sorted(state)]
    found = hashlib.sha256(repr((outcome, kept)).encode()).hexdigest()[:16]
    loops = f"{described.plan.loops} x svrg" if described.variance_reduced else "sgd"
    return f"{number} {described.case} {loops} {len(outcome.rows)} of {described.plan.updates} updates {found}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, required=True)
    cases = parser.parse_args().cases
    comm = MPI.COMM_WORLD
    for number in range(cases):
        if comm.Get_rank() == 0:
            print(digest(comm, number), flush=True)
        else:
            compute_for_all(comm, setting(number)[0].bench(comm), D, Patience())


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        MPI.COMM_WORLD.Abort(1)
