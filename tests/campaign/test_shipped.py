"""What lies in jobs/campaigns: every run's options have a meaning, names are stable, and the runs begin."""

from __future__ import annotations

import itertools
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from gsgm_mpi.campaign.cli import main
from gsgm_mpi.campaign.command import Launch
from gsgm_mpi.campaign.folder import Folder
from gsgm_mpi.campaign.grid import SEED, Campaign, expand, read
from tests.campaign.pretended import config_of
from tests.program.in_process import Program

CAMPAIGNS = sorted((Path(__file__).parents[2] / "jobs" / "campaigns").glob("*.toml"))
#: In the place of the data that campaigns name, so that a run takes no time.
TINY = ("--dataset", "synthetic:1x4x4:10:640", "--model", "mlp", "--batch-size", "16", "--epochs", "1")
#: The campaigns' own networks.
SMALL = ("--epochs", "1", "--inner-epochs", "1")
IMAGES = {"fashion-mnist": "synthetic:1x28x28:10:640", "digits": "digits"}


def by_name(path):
    return path.stem


@pytest.fixture(params=CAMPAIGNS, ids=by_name)
def path(request):
    return request.param


@pytest.fixture
def campaign(path):
    return read(tomllib.loads(path.read_text()))


def of_last(campaign: Campaign) -> Campaign:
    """One cell."""
    return replace(campaign, axes={name: points[-1:] for name, points in campaign.axes.items()})


def of_first(campaign: Campaign, *axes: str) -> Campaign:
    """With the first label alone on some axes."""
    return replace(
        campaign, axes={name: points[:1] if name in axes else points for name, points in campaign.axes.items()}
    )


def folder_of(campaign: Campaign, path: Path, *overrides: str) -> Folder:
    return Folder(path, expand(campaign), overrides, Launch(), checkpoint_every=5)


def test_they_are_there():
    assert {"smoke", "table2-table3", "table4", "rivals"} <= {path.stem for path in CAMPAIGNS}


def lists(path, folder, monkeypatch, capsys, *argv):
    """Names and hashes of a list; that of a run whose rate is not known is left out."""
    monkeypatch.chdir(folder)
    assert main([str(path), "--list", *argv]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert list(folder.iterdir()) == []
    names, hashes = zip(*(line.split()[1:3] for line in out.splitlines()), strict=True)
    return list(names), [text for text in hashes if set(text) != {"-"}]


def test_it_lists_without_data(path, campaign, tmp_path, monkeypatch, capsys):
    """One cell."""
    only = [f"{name}={points[-1].label}" for name, points in campaign.axes.items()]
    argv = itertools.chain.from_iterable(("--only", text) for text in only)
    names, hashes = lists(path, tmp_path, monkeypatch, capsys, *argv)
    trials = len(campaign.tuning.factors) if campaign.tuning else 0
    assert names[-1] == expand(campaign)[-1].name
    assert len(names) == trials + 1
    assert len(set(hashes)) == (trials or 1)


@pytest.mark.slow
def test_all_of_it_lists_and_every_run_has_a_hash_of_its_own(path, campaign, tmp_path, monkeypatch, capsys):
    names, hashes = lists(path, tmp_path, monkeypatch, capsys)
    jobs = expand(campaign)
    assert names == [job.name for job in jobs]
    assert len(set(hashes)) == len(hashes) == sum(not job.tuned for job in jobs)


def test_every_run_s_options_have_a_meaning(campaign, tmp_path):
    """Of one seed, and of one trial: other options are the same."""
    if campaign.tuning:
        campaign = replace(campaign, tuning=replace(campaign.tuning, factors=campaign.tuning.factors[:1]))
    folder = folder_of(of_first(campaign, SEED), tmp_path)
    hashes = {folder.digest(job) for job in folder.jobs if not job.tuned}
    assert len(hashes) == sum(not job.tuned for job in folder.jobs)


def test_seeds_are_outermost_and_there_are_several(campaign):
    runs = [job for job in expand(campaign) if job.factor is None]
    seeds = [point.label for point in campaign.axes[SEED]]
    assert len(seeds) >= 3
    assert [seed for seed, _ in itertools.groupby(runs, lambda job: job.name.rpartition("-")[2])] == seeds
    cells = [job.cell for job in runs[: len(runs) // len(seeds)]]
    assert [job.cell for job in runs] == cells * len(seeds)
    assert len(set(cells)) == len(cells)


def test_names_and_options_do_not_depend_on_what_else_there_is(campaign):
    whole = {job.name: job for job in expand(campaign)}
    for name, points in campaign.axes.items():
        for point in points:
            for job in expand(replace(campaign, axes={**campaign.axes, name: (point,)})):
                known = whole[job.name]
                assert (job.cell, job.factor, job.held_out) == (known.cell, known.factor, known.held_out)
                assert {**job.options, **job.held_out} == {**known.options, **known.held_out}


def test_it_has_a_title_and_no_rate_is_chosen_on_the_test_set(campaign):
    assert campaign.title
    for job in expand(campaign):
        assert ("validation" in job.held_out) == (job.factor is not None)
        assert job.tuned == (campaign.tuning is not None and job.factor is None)


def begins(folder: Folder, job, program: Program):
    """Does the whole run in this process."""
    folder.output(job).parent.mkdir(parents=True, exist_ok=True)
    command = folder.command(job)
    assert program.lead(command[command.index("gsgm_mpi") + 1 :]) == 0
    there = folder.standing(job)
    assert there.state.ended
    assert there.epochs == folder.epochs(job)


@pytest.fixture
def program(tmp_path, small_data):
    return Program(tmp_path, small_data)


def test_a_run_begins(campaign, tmp_path, program, small_data):
    """The last cell, as a rule the least common, on data that takes no time."""
    folder = folder_of(of_last(campaign), tmp_path / "results", *TINY, "--cache-dir", str(small_data))
    begins(folder, folder.jobs[0], program)


@pytest.mark.slow
def test_a_run_of_every_method_or_schedule_begins_under_every_cluster(campaign, tmp_path, program, small_data):
    """With the fewest learners, and each cluster once."""
    first = of_first(campaign, SEED, "learners", "partition")
    folder = folder_of(first, tmp_path / "results", *TINY, "--cache-dir", str(small_data))
    begun = set()
    for job in folder.jobs:
        # Of trials the first: the others differ in the rate.
        if not job.tuned and (job.factor is None or job.cell not in begun):
            begun.add(job.cell)
            begins(folder, job, program)


@pytest.mark.slow
def test_a_run_of_the_campaign_s_own_network_begins(campaign, tmp_path, program, small_data):
    """One for each network, images of the size that it expects."""
    first = of_first(campaign, SEED, "learners", "partition", "cluster", "method")
    folder = folder_of(first, tmp_path, "--cache-dir", str(small_data))
    networks = {}
    for job in folder.jobs:
        if not job.tuned:
            config = folder.config(job)
            networks.setdefault((config.model, config.dataset), job)
    for (_, dataset), job in networks.items():
        images = IMAGES.get(dataset, "synthetic:3x32x32:10:640")
        small = folder_of(first, tmp_path / "results", *SMALL, "--dataset", images, "--cache-dir", str(small_data))
        begins(small, next(each for each in small.jobs if each.name == job.name), program)


def test_overrides_reach_every_run(campaign, tmp_path):
    folder = folder_of(of_first(campaign, *campaign.axes), tmp_path, *TINY)
    for job in folder.jobs:
        if not job.tuned:
            config = config_of(folder.command(job))
            assert (config.dataset, config.model, config.batch_size) == (TINY[1], "mlp", 16)
            assert config.epochs == job.held_out.get("epochs", 1)
