"""Runs that were stopped or killed go on where they were, under real mpiexec: no update is lost, none made twice."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

from gsgm_mpi.results.checkpoint import find
from tests.mpi.test_replay import proved, replay
from tests.mpi.test_virtual import run_on
from tests.program.in_process import contents

VIRTUAL = ("--learners", "5", "--clock", "virtual", "--checkpoint-every", "1", "--output", "run.h5")
MEMORY = ("--method", "psgd-1-lm")
COLLECTIVE = ("--method", "k-avg", "--period", "5", "--local-momentum", "--lr", "0.01")
SVRG = ("--algo", "svrg", "--inner-epochs", "2", "--slow", "2:3")


def ended(done, code):
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr == ""
    return done


def wait_for(launcher, process, checkpoints):
    """Until so many checkpoints have been written, or the run has ended."""
    output, until = launcher.folder / "run.h5", time.monotonic() + 40
    while process.poll() is None and time.monotonic() < until:
        if len(find(output)) >= checkpoints:
            return
        time.sleep(0.02)
    process.poll()


def family_of(pid):
    """The process and all its descendants: each rank has a session of its own, which mpiexec's does not hold."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # After the name, which may hold anything: state and parent.
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def lives(pid):
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def kill(process):
    """All ranks, proxies and mpiexec, without a word, as a node that fails."""
    family = family_of(process.pid)
    for number in (signal.SIGSTOP, signal.SIGKILL):  # held first, so that none can tell another
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
    process.communicate(timeout=20)
    until = time.monotonic() + 20
    while any(map(lives, family)):
        assert time.monotonic() < until, "a rank lives on"
        time.sleep(0.02)


def kill_at_random(launcher, ranks, *argv, seed, least=1, most_s=0.3):
    """Starts a run and kills it some time after its first checkpoints; whether it was still running."""
    process = launcher.start(ranks, *argv)
    try:
        wait_for(launcher, process, least)
        time.sleep(random.Random(seed).uniform(0, most_s))
        running = process.poll() is None
        ranks_seen = len(family_of(process.pid))
    finally:
        kill(process)
    assert not running or ranks_seen > ranks  # mpiexec itself, its proxies, and the ranks
    return running


def signalled(launcher, ranks, *argv, number):
    process = launcher.start(ranks, *argv)
    wait_for(launcher, process, 1)
    process.send_signal(number)
    return launcher.communicate(process, 60)


def contiguous(path, learners, per_learner=None):
    """No row is lost, none doubled."""
    with h5py.File(path) as file:
        assert file["provenance"].attrs["status"] == "finished"
        updates, k, step = (file["updates"][name][:] for name in ("update", "learner", "step"))
        np.testing.assert_array_equal(updates, np.arange(1, len(updates) + 1))
        for j in range(1, learners + 1):
            np.testing.assert_array_equal(np.sort(step[k == j]), np.arange((k == j).sum()))
        assert file["epochs/update"][-1] == len(updates)
        np.testing.assert_array_equal(file["epochs/epoch"][:], np.arange(1, len(file["epochs/epoch"]) + 1))
        assert file["learners/updates"][:].sum() == len(updates)
        np.testing.assert_array_equal(file["trace/index"][:], np.arange(len(file["trace/index"])))
        return len(updates)


def the_same_as_uninterrupted(launcher, *argv):
    ended(run_on(launcher, 1, *argv, "--checkpoint-every", "0", "--output", "whole.h5"), 0)
    one, other = (contents(launcher.folder / name) for name in ("run.h5", "whole.h5"))
    assert one == other


def test_a_stopped_virtual_run_goes_on_with_other_ranks_to_the_same_bits(launcher):
    argv = (*VIRTUAL, *MEMORY, "--epochs", "30")
    ended(signalled(launcher, 3, *argv, number=signal.SIGTERM), 85)
    with h5py.File(launcher.folder / "run.h5") as file:
        assert file["provenance"].attrs["status"] == "stopped"
        before = len(file["updates/update"])
        assert 47 <= before < 30 * 47
    done = ended(run_on(launcher, 1, *argv, "--resume"), 0)
    assert f"goes on after update {before:,}" in done.stdout
    assert len(find(launcher.folder / "run.h5")) == 2
    the_same_as_uninterrupted(launcher, *argv)


def test_killed_collectives_of_real_learners_lose_and_double_nothing(launcher):
    argv = (*COLLECTIVE, "--epochs", "60", "--checkpoint-every", "2", "--output", "run.h5")
    assert kill_at_random(launcher, 3, *argv, most_s=0.05, seed=1)
    with h5py.File(launcher.folder / "run.h5") as file:
        assert file["provenance"].attrs["status"] == "running"
    ended(launcher.run(3, *argv, "--resume", timeout=60), 0)
    assert contiguous(launcher.folder / "run.h5", 2) == 60 * 46
    proved(replay(launcher, 1))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGINT])
@pytest.mark.parametrize(("first", "then"), [(1, 3), (4, 2)])
def test_each_signal_stops_a_virtual_run_that_goes_on_elsewhere(launcher, number, first, then):
    argv = (*VIRTUAL, *SVRG, "--epochs", "60", "--outages", "3:1-2")
    if first == 1:
        launcher.command = lambda n, *argv: [launcher.python, "-m", "gsgm_mpi", *argv]
    ended(signalled(launcher, first, *argv, number=number), 85)
    vars(launcher).pop("command", None)
    ended(launcher.run(then, *argv, "--resume", timeout=60), 0)
    the_same_as_uninterrupted(launcher, *argv)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", [MEMORY, COLLECTIVE, SVRG], ids=["memory", "collective", "svrg"])
def test_a_virtual_run_killed_twice_comes_to_the_same_bits(launcher, method, seed):
    argv = (*VIRTUAL, *method, "--epochs", "60")
    assert kill_at_random(launcher, 3, *argv, seed=seed)
    kill_at_random(launcher, 2, *argv, "--resume", seed=seed + 100, least=2)
    ended(launcher.run(4, *argv, "--resume", timeout=60), 0)
    the_same_as_uninterrupted(launcher, *argv)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "method",
    [MEMORY, COLLECTIVE, SVRG, ("--method", "ringleader", "--slow", "1:4"), ("--method", "od-sgd")],
    ids=["memory", "collective", "svrg", "ringleader", "od-sgd"],
)
def test_a_run_of_real_learners_killed_at_any_moment_is_whole_in_the_end(launcher, method, seed):
    argv = (*method, "--epochs", "60", "--checkpoint-every", "2", "--output", "run.h5")
    assert kill_at_random(launcher, 4, *argv, seed=seed)
    ended(launcher.run(4, *argv, "--resume", timeout=60), 0)
    contiguous(launcher.folder / "run.h5", 3)
    proved(replay(launcher, 2))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("method", [(), MEMORY, COLLECTIVE, SVRG], ids=["gsgm", "memory", "collective", "svrg"])
def test_a_stopped_run_of_real_learners_is_proved_then_and_in_the_end(launcher, method, number):
    argv = (*method, "--epochs", "60", "--checkpoint-every", "2", "--output", "run.h5")
    ended(signalled(launcher, 4, *argv, number=number), 85)
    proved(replay(launcher, 1))
    ended(launcher.run(4, *argv, "--resume", timeout=60), 0)
    contiguous(launcher.folder / "run.h5", 3)
    proved(replay(launcher, 1))


@pytest.mark.slow
@pytest.mark.parametrize("method", [(), COLLECTIVE], ids=["gsgm", "collective"])
def test_what_a_killed_run_of_real_learners_left_is_proved_as_far_as_it_goes(launcher, method):
    argv = (*method, "--epochs", "200", "--checkpoint-every", "2", "--output", "run.h5")
    assert kill_at_random(launcher, 4, *argv, seed=5)
    done = ended(replay(launcher, 1), 0)
    assert "are the same, to the last bit" in done.stdout


@pytest.mark.slow
def test_a_run_that_goes_on_while_the_first_lives_is_refused(launcher):
    argv = (*VIRTUAL, "--epochs", "100000")
    process = launcher.start(2, *argv)
    try:
        wait_for(launcher, process, 1)
        second = run_on(launcher, 1, *argv, "--resume")
        assert second.returncode == 2
        assert "is being written by another run" in second.stderr
    finally:
        kill(process)


@pytest.mark.slow
def test_real_learners_of_another_number_are_refused(launcher):
    argv = ("--epochs", "60", "--checkpoint-every", "2", "--output", "run.h5")
    ended(signalled(launcher, 4, *argv, number=signal.SIGTERM), 85)
    done = launcher.run(3, *argv, "--resume", timeout=60)
    assert done.returncode == 2
    assert "--learners was 3, now it is 2" in done.stderr
    assert done.stderr.count("\n") == 1
