"""What becomes of a job that is warned, cancelled, put back into the queue or asked where it is; no update is lost.

Each test does the same under every MPI at once: most of the time is spent waiting.
"""

import subprocess
import sys

import pytest

from gsgm_mpi.results.checkpoint import find

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(400)]

#: 46 updates an epoch, 40 a second: learners sleep most of the time, so that many jobs can run at once.
SLOW = ("--algo", "sgd", "--durations", "constant", "--gradient-time", "0.05", "--report-every", "1")
SHORT = (*SLOW, "--epochs", "8")
ENDLESS = (*SLOW, "--epochs", "5000")
ON_TWO_NODES = ("--nodes=2", "--ntasks=3")
TRAINS = "updates/s"


def check_complete(job, epochs):
    """No row lost, none doubled, and every update is what it must be after all those before it."""
    assert job.wait() == ("COMPLETED", "0:0"), job.text()
    assert job.updates() == list(range(1, 46 * epochs + 1))
    replay = [sys.executable, "-m", "gsgm_mpi", "--replay", str(job.results)]
    done = subprocess.run(replay, cwd=job.results.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{46 * epochs:,} updates" in done.stdout


def check_saved(job):
    assert job.provenance()["status"] == "stopped"
    updates = job.updates()
    assert updates == list(range(1, len(updates) + 1))
    assert find(job.results)[0].name.endswith(f"-{len(updates):09}.npz")


def test_warned_of_the_time_limit_it_saves_itself_and_goes_on_in_another_turn(sites):
    jobs = [site.submit("requeue.slurm", *SHORT) for site in sites]
    for turn in (1, 2):
        for job in jobs:
            job.wait_for(TRAINS, times=1 if turn == 1 else job.text().count(TRAINS) + 1)
            job.signal("USR1")
        for job in jobs:
            job.wait_for("back into the queue, to go on from", times=turn)
    for job in jobs:
        check_complete(job, epochs=8)
        assert job.restarts == 2
        assert job.text().count("goes on after update") == 2


def test_after_the_loss_of_a_node_it_goes_on_from_its_last_checkpoint(sites, slurm):
    jobs = [site.submit("requeue.slurm", *SHORT, "--checkpoint-every", "1") for site in sites]
    for job in jobs:
        job.wait_for("epoch 3/")
        # What SLURM does when a node fails: all processes are gone, the job is pending again.
        slurm.command("scontrol", "requeue", job.number)
    for job in jobs:
        check_complete(job, epochs=8)
        assert job.restarts == 1
        assert "goes on after update" in job.text()


def test_cancelled_it_ends_with_a_whole_file_and_can_go_on_by_hand(sites, slurm):
    jobs = [site.submit("requeue.slurm", *ENDLESS, "--checkpoint-every", "1", slurm=ON_TWO_NODES) for site in sites]
    for job in jobs:
        job.wait_for("epoch 2/")
        slurm.command("scancel", job.number)
    later = []
    for site, job in zip(sites, jobs, strict=True):
        assert job.wait()[0] == "CANCELLED"
        assert job.restarts == 0
        if not site.openmpi:  # its daemons are gone before the ranks can end in good order
            check_saved(job)
        name = str(job.results.relative_to(site.folder))
        later.append(site.submit("single-node.slurm", *ENDLESS, "--output", name, "--resume"))
        later[-1].results = job.results
    for job in later:
        job.wait_for("goes on after update")
        job.wait_for(TRAINS)
        job.signal("TERM")
    for job in later:
        assert job.wait()[1] == "85:0", job.text()
        check_saved(job)


def test_stopped_by_a_signal_to_the_script_it_is_saved_and_not_tried_again(sites):
    jobs = [site.submit("requeue.slurm", *ENDLESS, slurm=ON_TWO_NODES) for site in sites]
    for job in jobs:
        job.wait_for(TRAINS)
        job.signal("TERM")
    for job in jobs:
        assert job.wait()[1] == "85:0", job.text()
        assert job.restarts == 0
        check_saved(job)


def test_asked_where_it_is_every_rank_says_so_and_goes_on(sites):
    jobs = [
        site.submit("site-mpi.slurm", *ENDLESS, slurm=ON_TWO_NODES, MPIEXEC=launcher)
        for site in sites
        for launcher in ("mpiexec", site.srun)
    ]
    for job in jobs:
        job.wait_for(TRAINS)
    jobs[0].signal("USR2")
    jobs[0].wait_for("stacks of rank 2 on ")
    assert not any("stacks of" in job.text() for job in jobs[1:]), "other jobs were asked"
    for job in jobs[1:]:
        job.signal("USR2")
    for job in jobs:
        for rank in range(3):
            job.wait_for(f"stacks of rank {rank} on ")
        job.wait_for(TRAINS, times=job.text().count(TRAINS) + 2)
        job.signal("TERM")
    for job in jobs:
        job.wait()
        check_saved(job)
