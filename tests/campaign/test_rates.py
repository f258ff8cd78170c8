"""Rates that trials choose, as the folder of a campaign knows them."""

import pytest

from gsgm_mpi.campaign.folder import State
from gsgm_mpi.resolve import preset_path, read_toml
from tests.campaign.pretended import (
    SMALL,
    TUNE,
    config_of,
    diverges,
    fails,
    folder_of,
    pretend,
    standing,
    write,
)
from tests.program.in_process import set_attribute


def tuned(path, *overrides, options=SMALL, tune=TUNE, method="gsgm"):
    return folder_of(path, {"method": [method], "seed": [1, 2]}, *overrides, options=options, tune=tune)


@pytest.mark.parametrize(
    ("method", "overrides", "options", "base"),
    [
        ("gsgm", (), {}, 0.002),
        ("gsgm", (), {"momentum": 0.0}, 0.02),
        ("downpour", (), {}, 0.02),
        ("ssgd", (), {}, 0.1),
        ("gsgm", (), {"lr": 0.03}, 0.03),
        ("gsgm", ("--lr", "0.07"), {"lr": 0.03}, 0.07),
        ("gsgm", (), {"preset": "paper-mnistnet"}, 0.006),
        ("downpour", (), {"preset": "paper-mnistnet"}, 0.06),
        ("downpour-lm", (), {"preset": "paper-mnistnet"}, 0.006),
        ("downpour", (), {"preset": "paper-mnistnet", "lr": 0.5}, 0.5),
    ],
    ids=lambda value: str(value),
)
def test_a_factor_is_of_the_rate_that_the_run_would_have(tmp_path, method, overrides, options, base):
    if "preset" in options:
        base = preset_rate(options, method) if "lr" not in options else base
    folder = tuned(tmp_path, *overrides, method=method, options=SMALL | options)
    rates = {job.factor: config_of(folder.command(job)).lr for job in folder.jobs if job.factor}
    assert rates == {factor: base * factor for factor in TUNE["factors"]}
    for trial, accuracy in zip(folder.jobs, (0.2, 0.3, 0.4), strict=False):
        pretend(folder, trial.name, lambda config, accuracy=accuracy: write(config, accuracies=[accuracy]))
    assert config_of(folder.command(folder.jobs[-1])).lr == 4 * base
    assert folder.tuned_rates() == {method: (4 * base, True)}


def preset_rate(options, method):
    """Of the preset itself, ten times that without momentum."""
    return read_toml(preset_path(options["preset"]), "")["lr"] * (10 if method == "downpour" else 1)


def test_the_rate_of_a_run_is_not_that_of_its_trials_where_these_have_other_options(tmp_path):
    folder = tuned(tmp_path, tune=TUNE | {"options": {"momentum": 0.0}})
    assert [config_of(folder.command(job)).lr for job in folder.jobs[:3]] == [0.01, 0.02, 0.08]
    for trial in folder.jobs[:3]:
        pretend(folder, trial.name)
    assert folder.tuned_rates() == {"gsgm": (0.001, True)}
    assert folder.config(folder.jobs[-1]).lr == 0.001


def test_a_run_waits_until_all_trials_of_its_cell_have_ended(tmp_path):
    folder = tuned(tmp_path)
    *trials, one, other = folder.jobs
    assert folder.trials(one) == folder.trials(other) == trials
    assert folder.trials(trials[0]) == ()
    for trial, accuracy in zip(trials, (0.5, 0.7, 0.6), strict=True):
        for job in (one, other):
            assert folder.standing(job).state == State.WAITING
            assert (folder.config(job), folder.arguments(job), folder.digest(job)) == (None, None, None)
        assert folder.tuned_rates() == {}
        pretend(folder, trial.name, fails)
        assert folder.standing(one).state == State.WAITING
        pretend(folder, trial.name, lambda config, accuracy=accuracy: write(config, accuracies=[accuracy]))
    assert folder.standing(one).state == State.MISSING
    assert folder.tuned_rates() == {"gsgm": (0.002, False)}
    assert folder.arguments(one)[-2:] == ["--lr", "0.002"]
    assert "--validation" not in folder.command(one)
    assert "--validation" in folder.command(trials[0])
    assert folder.digest(one) not in (folder.digest(other), None)


def test_a_trial_that_diverged_loses_and_if_all_do_the_smallest_rate_is_taken(tmp_path):
    for path, runs in ((tmp_path / "a", (write, diverges, diverges)), (tmp_path / "b", (diverges, diverges, diverges))):
        folder = tuned(path)
        for trial, run in zip(folder.jobs, runs, strict=False):
            pretend(folder, trial.name, run)
        assert folder.tuned_rates() == {"gsgm": (0.001, True)}


def test_a_file_of_another_rate_is_another_run_s(tmp_path):
    folder = tuned(tmp_path)
    for trial in folder.jobs[:3]:
        pretend(folder, trial.name)
    name = folder.jobs[-1].name
    pretend(folder, name)
    # Changes nothing: the first is as good and safer.
    set_attribute(folder.output(folder.jobs[1]), status="diverged")
    assert standing(tuned(tmp_path), name).state == State.FINISHED
    set_attribute(folder.output(folder.jobs[0]), status="diverged")
    there = standing(tuned(tmp_path), name)
    assert there.state == State.FOREIGN
    assert "lr is 0.001 there and 0.008 here" in there.text
