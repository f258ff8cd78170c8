"""Virtual time gives the same bits on any number of ranks."""

from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("many_cases.py")
#: Each of the contract's cases once.
CASES = 102
#: A run that is stopped while a learner has two hand-outs on their way.
TWO_ON_THEIR_WAY = """
from mpi4py import MPI
from gsgm_mpi.engines.patience import Patience
from gsgm_mpi.engines.pool import OverRanks, compute_for_all
from gsgm_mpi.plan import Plan
from tests.methods.drive import Case
from tests.virtual import D, Engine, Setting

comm = MPI.COMM_WORLD
setting = Setting(Case("od-sgd"), Plan(batches=(20,), epochs=1, lr=0.05), options=(("warmup_updates", 0),))
if comm.Get_rank() == 0:
    pool = lambda bench, learners: OverRanks(comm, bench, learners, lambda: False, Patience())
    engine = Engine(setting, pool=pool, comm=comm, stop_at=2)
    engine.run()
    engine.pool.close()
else:
    compute_for_all(comm, setting.bench(comm), D, Patience())
"""


@pytest.fixture
def digests(launcher):
    """Lines that many_cases.py prints on so many ranks."""

    def run(n):
        launcher.command = lambda ranks, *argv: [launcher.mpiexec, "-n", str(ranks), launcher.python, *argv]
        done = launcher.run(n, str(SCRIPT), "--cases", str(CASES), timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout.splitlines()

    return run


def test_many_cases_give_the_same_rows_weights_and_states_on_1_2_3_and_5_ranks(digests):
    alone = digests(1)
    assert len(set(alone)) == CASES
    for n in (2, 3, 5):
        assert digests(n) == alone, f"{n} ranks"


def test_a_run_that_ends_with_two_hand_outs_of_a_learner_on_their_way_ends_all_ranks(launcher):
    launcher.command = lambda ranks, *argv: [launcher.mpiexec, "-n", str(ranks), launcher.python, *argv]
    done = launcher.run(2, "-c", TWO_ON_THEIR_WAY, timeout=30)
    assert done.returncode == 0, done.stderr
