"""A campaign as a job array: each task a run; cancelled and warned ones go on; what is there is left alone."""

import pytest

from tests.program.in_process import contents

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]

CAMPAIGN = """
[options]
dataset = "synthetic:1x8x8:4:4000"
model = "mlp"
epochs = {epochs}
report_every = 0.5
learners = 4

[grid]
method = ["gsgm", "downpour"]
seed = [1, 2]
"""
RUNS = ["gsgm-seed1", "downpour-seed1", "gsgm-seed2", "downpour-seed2"]


class Array:
    """A campaign, submitted as often as asked."""

    def __init__(self, site, name, epochs):
        self._site = site
        self.folder = site.folder / "results" / name
        self._file = site.folder / f"{name}.toml"
        self._file.write_text(CAMPAIGN.format(epochs=epochs))

    def submit(self, tasks="0-3", *more):
        first = self._site.submit("campaign.slurm", self._file.name, *more, slurm=(f"--array={tasks}",))
        return [self._task(first.number, i) for i in range(4)]

    def _task(self, number, i):
        job = self._site.job(number)
        job.number = f"{number}_{i}"
        job.log = self._site.folder / f"campaign-{number}-{i}.out"
        job.results = self.folder / f"{RUNS[i]}.h5"
        return job


def test_every_task_does_its_run_and_only_what_is_left_is_done_again(sites):
    array = Array(sites[0], "quick", epochs=3)
    for job in array.submit("0-3%2"):
        assert job.wait() == ("COMPLETED", "0:0"), job.text()
    files = {name: array.folder / f"{name}.h5" for name in RUNS}
    assert sorted(array.folder.glob("*.h5")) == sorted(files.values())
    before = {name: contents(path) for name, path in files.items()}
    files[RUNS[2]].unlink()
    jobs = array.submit()
    for job in jobs:
        assert job.wait() == ("COMPLETED", "0:0"), job.text()
    assert ["nothing is left to do" in job.text() for job in jobs] == [True, True, False, True]
    assert {name: contents(path) for name, path in files.items()} == before


def test_a_task_that_is_warned_goes_back_alone_and_a_cancelled_one_goes_on_when_submitted_again(sites):
    array = Array(sites[0], "long", epochs=100)
    jobs = array.submit()
    for job in jobs[:2]:
        job.wait_for("updates/s")
    jobs[0].signal("USR1")
    sites[0].slurm.command("scancel", jobs[1].number)
    assert jobs[1].wait()[0] == "CANCELLED"
    assert jobs[1].provenance()["status"] == "stopped"
    (again,) = [job for job in array.submit("1") if job.number.endswith("_1")]
    for job in (jobs[0], again, *jobs[2:]):
        assert job.wait() == ("COMPLETED", "0:0"), job.text()
    assert [jobs[0].restarts, *(job.restarts for job in jobs[2:])] == [1, 0, 0]
    assert all("goes on after update" in job.text() for job in (jobs[0], again))
    # Virtual time: a run that was cut has the bits of one that was not.
    whole = Array(sites[0], "whole", epochs=100)
    for cut, uncut in zip(jobs[:2], whole.submit("0-1")[:2], strict=True):
        assert uncut.wait() == ("COMPLETED", "0:0"), uncut.text()
        assert contents(cut.results) == contents(uncut.results)
