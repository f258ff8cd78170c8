"""Each script that does one run: on one node, over two, as an array, with the site's MPI; how they end.

Each test does the same under every MPI at once.
"""

import subprocess
import sys

import pytest

from tests.program.in_process import contents

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]

#: A run in virtual time.
VIRTUAL = ("--algo", "sgd", "--clock", "virtual", "--learners", "5", "--epochs", "6", "--outages", "2:0.1-0.3")
#: Under srun Open MPI's ranks fail to start where a node has more of them than real cores.
TWO_NODES = ("--nodes=2", "--ntasks=4", "--ntasks-per-node=2")
SHORT = ("--epochs", "3")


def check_finished(job, ranks, hosts=1):
    assert job.wait() == ("COMPLETED", "0:0"), job.text()
    assert "finished after" in job.text()
    found = job.provenance()
    assert (found["status"], found["ranks"]) == ("finished", ranks)
    assert len(set(found["hosts"])) == hosts
    updates = job.updates()
    assert updates == list(range(1, len(updates) + 1))


def test_one_node(sites):
    for job in [site.submit("single-node.slurm", *SHORT) for site in sites]:
        check_finished(job, ranks=3)


def test_two_nodes_with_mpiexec_and_with_the_sites_own_launcher(sites, slurm):
    jobs = [site.submit("multi-node.slurm", *SHORT, slurm=TWO_NODES) for site in sites]
    jobs += [site.submit("site-mpi.slurm", *SHORT, slurm=TWO_NODES, MPIEXEC=site.srun) for site in sites]
    for job in jobs:
        check_finished(job, ranks=4, hosts=slurm.hosts)


def test_virtual_time_over_two_nodes_gives_the_bits_of_one_process(sites, tmp_path):
    jobs = [site.submit("multi-node.slurm", *VIRTUAL, slurm=TWO_NODES) for site in sites]
    jobs += [site.submit("site-mpi.slurm", *VIRTUAL, slurm=TWO_NODES, MPIEXEC=site.srun) for site in sites]
    alone = tmp_path / "alone.h5"
    command = [sys.executable, "-m", "gsgm_mpi", *VIRTUAL, "--output", str(alone)]
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL, timeout=60)
    expected = contents(alone)
    for job in jobs:
        assert job.wait() == ("COMPLETED", "0:0"), job.text()
        found = contents(job.results)
        assert [name for name in expected if found[name] != expected[name]] == []


def test_an_array_does_a_run_a_seed(sites):
    first = sites[0].submit("array.slurm", *SHORT, slurm=("--ntasks=3", "--array=1-2", "--job-name=seeds"))
    for seed in (1, 2):
        job = sites[0].job(first.number)
        job.number = f"{first.number}_{seed}"
        job.results = sites[0].folder / "results" / f"seeds-{seed}.h5"
        assert job.wait() == ("COMPLETED", "0:0")
        assert job.provenance()["seed"] == seed


FAILING = """
from gsgm_mpi.methods import Scheduled


class Failing(Scheduled):
    name = "failing"
    paper = line = reduces_to = "none"

    def apply(self, k, g, message):
        raise RuntimeError("as asked")
"""


def test_the_jobs_exit_code_is_the_programs_and_no_mistake_is_tried_again(sites):
    own = sites[0].folder / "failing.py"
    own.write_text(FAILING)
    scripts = ("single-node.slurm", "requeue.slurm")
    wrong = [sites[0].submit(script, "--lr", "-1") for script in scripts]
    failing = [sites[0].submit(script, "--method", f"{own}:Failing") for script in scripts]
    for job in wrong:
        assert job.wait() == ("FAILED", "2:0")
        assert job.text().count("--lr must be") == 1
    for job in failing:
        assert job.wait() == ("FAILED", "1:0")
        assert job.text().count("Traceback") == 1
        assert job.provenance()["status"] == "failed"
    assert [job.restarts for job in (*wrong, *failing)] == [0, 0, 0, 0]
