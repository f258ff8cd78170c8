"""What a user can learn of a run that seems to hang, under real mpiexec."""

import os
import signal
import time
from pathlib import Path

from tests.mpi.test_resume import family_of

LONG = ("--durations", "constant", "--gradient-time", "0.02", "--epochs", "8", "--output", "run.h5")


def ranks_of(process):
    """The processes of the run that are Python; of mpiexec's own, a signal would end one or another."""
    named = ((pid, (Path("/proc") / str(pid) / "cmdline").read_bytes().split(b"\0")) for pid in family_of(process.pid))
    return [pid for pid, words in named if b"python" in Path(words[0].decode()).name.encode()]


def test_every_rank_prints_its_stacks_on_sigusr2_and_the_run_goes_on(launcher):
    process = launcher.start(3, *LONG)
    until = time.monotonic() + 40
    while not (launcher.folder / "run.h5").exists() and time.monotonic() < until:
        time.sleep(0.1)
    ranks = ranks_of(process)
    assert len(ranks) == 3
    for pid in ranks:
        os.kill(pid, signal.SIGUSR2)
    done = launcher.communicate(process, 60)
    assert done.returncode == 0, done.stderr
    blocks = {int(block.split()[0]): block for block in done.stderr.split("stacks of rank ")[1:]}
    assert sorted(blocks) == [0, 1, 2]
    # Rank 0 serves, the others learn.
    assert ["engines/server.py" in blocks[rank] for rank in range(3)] == [True, False, False]
    assert ["engines/learner.py" in blocks[rank] for rank in range(3)] == [False, True, True]
    assert "finished after" in done.stdout
