"""Campaigns as a user runs them: killed at any moment, stopped by a signal, spread over ranks, or of real learners.

What must come of it is what the same commands give in this process, one after another and undisturbed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import tomllib
from contextlib import suppress

import h5py
import pytest

from gsgm_mpi.campaign.command import Launch
from gsgm_mpi.campaign.folder import Folder
from gsgm_mpi.campaign.grid import expand, read
from gsgm_mpi.results.checkpoint import find
from tests.mpi.test_resume import family_of, kill, lives
from tests.program.in_process import Program, contents

pytestmark = pytest.mark.timeout(120)

FILE = """\
[options]
dataset = "synthetic:1x4x4:3:96"
batch_size = 8
learners = 2
epochs = {epochs}

[grid]
"""
METHODS = ["gsgm", "downpour", "psgd-1-lm"]
LONG = 100


class Campaign:
    """A campaign's file in a folder of its own, and the command that does it."""

    def __init__(self, launcher, epochs, **axes):
        self.launcher = launcher
        self.file = launcher.folder / "some.toml"
        self.file.write_text(FILE.format(epochs=epochs) + "".join(f"{name} = {axis}\n" for name, axis in axes.items()))
        self.results = launcher.folder / "results" / "some"
        #: All processes that have been seen.
        self.family = set()

    def start(self, *argv):
        command = [self.launcher.python, "-m", "gsgm_mpi.campaign", self.file.name, "--all", "--checkpoint-every", "5"]
        return subprocess.Popen(
            [*command, *argv],
            cwd=self.launcher.folder,
            env=self.launcher.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self, process, code):
        try:
            out, err = process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            self.end_all(process)
            out, err = process.communicate()
            pytest.fail(f"no end after 40 s\n{out}\n{err}")
        logs = "".join(f"\n{path.name}: {path.read_text()}" for path in self.results.glob("*.log"))
        assert (process.returncode, err) == (code, ""), out + err + logs
        return out

    def wait_for_checkpoints(self, process, *runs):
        """Until one of these runs is at work and all have been begun."""
        until = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < until:
            self.family |= set(family_of(process.pid))
            standing = {self.status(run) for run in runs}
            if None not in standing and "running" in standing:
                return
            time.sleep(0.02)
        pytest.fail(f"no checkpoints; exit code {process.poll()}")

    def status(self, run):
        """None: it has no checkpoint yet."""
        path = self.results / f"{run}.h5"
        if not path.exists() or not find(path):
            return None
        with h5py.File(path) as file:
            return str(file["provenance"].attrs["status"])

    def end_all(self, process):
        for pid in self.family | set(family_of(process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def undisturbed(self, cache):
        """What all results files must hold."""
        folder = self.launcher.folder / "undisturbed"
        folder.mkdir()
        jobs = expand(read(tomllib.loads(self.file.read_text())))
        campaign = Folder(folder, jobs, ("--cache-dir", str(cache)), Launch(), checkpoint_every=0)
        for job in campaign.jobs:
            if campaign.config(job).clock == "wall":
                continue
            command = campaign.command(job)
            assert Program(folder, cache).lead(command[command.index("gsgm_mpi") + 1 :]) == 0
        return {path.name: contents(path) for path in folder.glob("*.h5")}

    def found(self):
        return {path.name: contents(path) for path in self.results.glob("*.h5")}


def test_a_campaign_that_is_killed_again_and_again_comes_to_the_same_bits(launcher, cache):
    campaign = Campaign(launcher, LONG, method=METHODS)
    # Once it alone: its runs live on, and the next campaign waits for what they still write.
    process = campaign.start("--jobs", "2")
    campaign.wait_for_checkpoints(process, *METHODS[:1])
    children = set(family_of(process.pid)) - {process.pid}
    process.kill()
    process.communicate(timeout=20)
    assert any(map(lives, children))
    # Once with all its runs.
    process = campaign.start("--jobs", "3")
    campaign.wait_for_checkpoints(process, *METHODS[2:])
    kill(process)
    # Then not any more.
    out = campaign.end(campaign.start("--jobs", "2"), 0)
    assert out.splitlines()[-1].endswith("3 of 3 runs have ended")
    assert campaign.found() == campaign.undisturbed(cache)
    until = time.monotonic() + 20
    while any(map(lives, children)):
        assert time.monotonic() < until, "a run lives on"
        time.sleep(0.02)


def test_sigterm_stops_all_runs_and_the_same_command_completes_them(launcher, cache):
    campaign = Campaign(launcher, LONG, method=METHODS[:2])
    process = campaign.start("--jobs", "2")
    campaign.wait_for_checkpoints(process, *METHODS[:2])
    process.send_signal(signal.SIGTERM)
    out = campaign.end(process, 85)
    assert "left: the same command goes on" in out.splitlines()[-1]
    assert not any(map(lives, campaign.family))
    for path in campaign.results.glob("*.h5"):
        with h5py.File(path) as file:
            assert file["provenance"].attrs["status"] in ("stopped", "finished")
        assert find(path)
    out = campaign.end(campaign.start(), 0)
    assert "goes on after" in out
    assert campaign.found() == campaign.undisturbed(cache)


def test_runs_on_three_ranks_one_as_in_place_and_one_of_real_learners(launcher, cache):
    campaign = Campaign(launcher, 4, method=["psgd-1-lm"], clock=["virtual", "wall"])
    campaign.end(campaign.start("--jobs", "2", "--ranks", "3"), 0)
    for clock in ("virtual", "wall"):
        name = f"psgd-1-lm-{clock}"
        assert (campaign.results / f"{name}.log").read_text().startswith("$ mpiexec -n 3 ")
        with h5py.File(campaign.results / f"{name}.h5") as file:
            provenance = dict(file["provenance"].attrs)
            assert (provenance["clock"], provenance["ranks"], provenance["status"]) == (clock, 3, "finished")
            assert file["epochs/epoch"][:].tolist() == [1, 2, 3, 4]
    found, expected = campaign.found(), campaign.undisturbed(cache)
    assert expected == {name: bits for name, bits in found.items() if name != "psgd-1-lm-wall.h5"}
