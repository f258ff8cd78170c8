"""From a campaign's file to its runs: axes, names, trials, and what is said of mistakes."""

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsgm_mpi.campaign.grid import expand, only, read
from gsgm_mpi.errors import UserError

FILE = """
title = "T"

[options]
dataset = "digits"
epochs = 4

[grid]
method = ["gsgm", "downpour"]
learners = [3, 10]
seed = [1, 2]

[grid.cluster]
even = {}
"five fold" = { speeds = "spread:5", epochs = 9 }
"""
TUNE = """
[tune]
factors = [0.4, 1, 2.5]
options = { epochs = 1, lr_decay = "" }
"""


def jobs_of(text):
    return expand(read(tomllib.loads(text)))


def refusal(text, *wanted):
    with pytest.raises(UserError) as caught:
        expand(only(read(tomllib.loads(text)), wanted))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_every_combination_is_a_run_seeds_outermost():
    jobs = jobs_of(FILE)
    cells = [
        f"{method}-learners{learners}-{cluster}"
        for method in ("gsgm", "downpour")
        for learners in (3, 10)
        for cluster in ("even", "five-fold")
    ]
    assert [job.name for job in jobs] == [f"{cell}-seed{seed}" for seed in (1, 2) for cell in cells]
    assert [job.cell for job in jobs] == cells * 2
    assert not any(job.tuned or job.held_out or job.factor for job in jobs)


def test_a_point_s_options_win_over_those_of_all_runs():
    by_name = {job.name: job.options for job in jobs_of(FILE)}
    common = {"dataset": "digits", "method": "downpour", "learners": 10, "seed": 2}
    assert by_name["downpour-learners10-even-seed2"] == common | {"epochs": 4}
    assert by_name["downpour-learners10-five-fold-seed2"] == common | {"epochs": 9, "speeds": "spread:5"}


def test_without_a_seed_axis_a_cell_is_a_run():
    (job,) = jobs_of('[grid]\nmethod = ["gsgm"]')
    assert (job.name, job.cell, job.options) == ("gsgm", "gsgm", {"method": "gsgm"})


def test_seeds_alone():
    assert [job.name for job in jobs_of("[grid]\nseed = [7]")] == ["run-seed7"]


def test_seeds_may_be_labelled():
    jobs = jobs_of('[grid]\nmethod = ["gsgm"]\n[grid.seed]\na = { seed = 5 }\nb = { seed = 6, partition = "iid" }')
    assert [job.name for job in jobs] == ["gsgm-a", "gsgm-b"]
    assert jobs[1].options == {"method": "gsgm", "seed": 6, "partition": "iid"}


@pytest.mark.parametrize(
    ("axis", "labels"),
    [
        ("augment = [true, false]", ["augment", "no-augment"]),
        ("lr = [0.1, 1e-5, 2.0]", ["lr0.1", "lr1e-05", "lr2"]),
        ("learners = [1000001, 1000002]", ["learners1000001", "learners1000002"]),
        ('partition = ["mixed:25", "iid"]', ["mixed-25", "iid"]),
        ('method = ["a/b.py:C", "../..:D"]', ["a-b.py-C", "..-..-D"]),
        ('gate = ["", "ssp"]', ["none", "ssp"]),
        ('model = ["ümlaut größe", "a\\tb"]', ["mlaut-gr-e", "a-b"]),
        ('slow = ["1:2,3:4", "~"]', ["1-2-3-4", "none"]),
    ],
)
def test_labels_are_parts_of_file_names(axis, labels):
    jobs = jobs_of("[grid]\n" + axis)
    assert [job.name for job in jobs] == labels
    assert all(re.fullmatch(r"[A-Za-z0-9.+_-]+", job.name) for job in jobs)
    name, values = next(iter(tomllib.loads(axis).items()))
    assert [job.options[name] for job in jobs] == values


def test_seeds_that_differ_late_have_names_of_their_own():
    assert [job.name for job in jobs_of("[grid]\nseed = [1234567, 1234568]")] == ["run-seed1234567", "run-seed1234568"]


LABELS = st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True)


@given(one=LABELS, other=LABELS, seeds=st.lists(st.integers(0, 10**9), min_size=1, unique=True), data=st.data())
def test_a_run_s_name_and_options_do_not_depend_on_what_else_there_is(one, other, seeds, data):
    def grid(one, other, seeds):
        points = {label: {"speeds": label} for label in other}
        return {"grid": {"method": one, "seed": seeds, "cluster": points}, "tune": {"factors": [0.5, 1.0]}}

    whole = {job.name: job for job in expand(read(grid(one, other, seeds)))}
    assert len(whole) == len(one) * len(other) * (len(seeds) + 2)
    part = [data.draw(st.lists(st.sampled_from(axis), min_size=1, unique=True)) for axis in (one, other, seeds)]
    for job in expand(read(grid(*part))):
        assert job.cell == whole[job.name].cell
        # A trial has the options of one of its cell's runs, its own seed wins.
        a, b = ({**each.options, **each.held_out} for each in (job, whole[job.name]))
        assert a == b


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["method=gsgm", "seed=2"], ["gsgm-learners3-even-seed2", "gsgm-learners3-five-fold-seed2"]),
        (["cluster=even", "seed=seed1"], ["gsgm-learners3-even-seed1", "downpour-learners3-even-seed1"]),
        (["cluster=even", "seed=2,1", "method=downpour"], [f"downpour-learners3-even-seed{i}" for i in (1, 2)]),
    ],
)
def test_only_some_labels(wanted, names):
    campaign = read(tomllib.loads(FILE))
    assert [job.name for job in expand(only(campaign, ["learners=3", *wanted]))] == names
    assert only(campaign, []) == campaign


def test_a_whole_label_wins_over_a_part_of_another():
    campaign = read(tomllib.loads("[grid.a]\nb = { lr = 1 }\nab = { lr = 2 }"))
    assert [job.name for job in expand(only(campaign, ["a=b"]))] == ["b"]
    assert [job.name for job in expand(only(campaign, ["a=ab"]))] == ["ab"]


def test_trials_come_first_one_for_each_cell_and_factor():
    jobs = jobs_of(FILE + TUNE)
    trials, runs = [job for job in jobs if job.factor], [job for job in jobs if not job.factor]
    assert jobs == [*trials, *runs]
    assert (len(trials), len(runs)) == (8 * 3, 16)
    assert [job.name for job in trials[:3]] == [f"tune/gsgm-learners3-even-x{x}" for x in ("0.4", "1", "2.5")]
    assert [job.factor for job in trials[:3]] == [0.4, 1.0, 2.5]
    assert all(job.held_out == {"epochs": 1, "lr_decay": "", "validation": 0.1, "seed": 1000} for job in trials)
    assert not any(job.tuned for job in trials)
    assert all(job.tuned and not job.held_out for job in runs)


def test_validation_and_seed_of_trials_may_be_given_and_win_over_their_options():
    tune = "[tune]\nfactors = [1]\nvalidation = 0.25\nseed = 7\noptions = { validation = 0.5, seed = 8, epochs = 1 }"
    assert jobs_of("[grid]\nseed = [1]\n" + tune)[0].held_out == {"validation": 0.25, "seed": 7, "epochs": 1}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["[grid] must be a table with at least one axis, not None", "e.g. method ="]),
        ("[grid]", ["[grid] must be", "not {}"]),
        ("grid = 3", ["[grid] must be", "not 3"]),
        ("[grids]\nseed = [1]", ["a campaign's key", "'grids'", "grid, options", "did you mean 'grid'?"]),
        ("options = 3\n[grid]\nseed = [1]", ["[options] must be a table", "not 3"]),
        (
            "[options]\nspeeds = [1, 2, 3]\n[grid]\nseed = [1]",
            ["[options] speeds must be a text, a number, true or false, not [1, 2, 3]; as on the command line"],
        ),
        ("[options.x]\ny = 1\n[grid]\nseed = [1]", ["[options] x must be", "not {'y': 1}"]),
        ("[grid.x]\nodd = { when = 1979-05-27 }", ["[grid.x] odd when must be", "not 1979-05-27"]),
        ("[grid]\nseed = []", ["[grid] seed must be a list of values, or a table of labelled points", "not []"]),
        ("[grid]\nseed = 1", ["[grid] seed", "not 1"]),
        ("[grid]\nseed = [[1], [2]]", ["[grid] seed", "not [[1], [2]]"]),
        ("[grid]\nseed = [{ a = 1 }]", ["[grid] seed", "not [{'a': 1}]"]),
        ("[grid]\nseed = [1979-05-27]", ["[grid] seed", "datetime.date(1979, 5, 27)"]),
        ("[grid.cluster]", ["[grid] cluster", "not {}"]),
        ('[grid.cluster]\neven = "spread:5"', ["[grid] cluster", "each a table of options", "spread:5"]),
        ("[grid]\nseed = [1, 1]", ["two runs the name run-seed1", "label points differently"]),
        ('[grid]\nx = ["a", "a-b"]\ny = ["b-c", "c"]', ["two runs the name a-b-c", "label points differently"]),
        ('[grid]\nx = ["a:b", "a/b"]', ["two runs the name a-b"]),
        (f"[grid.x]\n{'a' * 201} = {{}}", ["at most 200 characters, not of 201", "shorter labels"]),
        ("tune = 3\n[grid]\nseed = [1]", ["[tune] must be a table, not 3"]),
        ("[grid]\nseed = [1]\n[tune]", ["[tune] factors must be a list of numbers > 0, not None", "[0.4, 1.0, 2.5]"]),
        ("[grid]\nseed = [1]\n[tune]\nfactors = []", ["[tune] factors", "not []"]),
        ("[grid]\nseed = [1]\n[tune]\nfactors = 2", ["[tune] factors", "not 2"]),
        ("[grid]\nseed = [1]\n[tune]\nfactors = [1, 0]", ["[tune] factors", "not [1, 0]"]),
        ("[grid]\nseed = [1]\n[tune]\nfactors = [nan]", ["[tune] factors", "not [nan]"]),
        ("[grid]\nseed = [1]\n[tune]\nfactors = [true]", ["[tune] factors", "not [True]"]),
        ('[grid]\nseed = [1]\n[tune]\nfactors = ["1"]', ["[tune] factors", "not ['1']"]),
        ("[grid]\nseed = [1]\n[tune]\nfactors = [1, 1.0]", ["[tune] factors must be numbers that differ", "twice"]),
        ("[grid]\nseed = [1]\n[tune]\nfactor = [1]", ["[tune]: the key", "'factor'", "did you mean 'factors'?"]),
        ("[grid]\nseed = [1]\n[tune]\nfactors = [1]\nvalidation = 0", ["[tune] validation", "(0, 1), not 0"]),
        ("[grid]\nseed = [1]\n[tune]\nfactors = [1]\nvalidation = 1.0", ["[tune] validation", "(0, 1), not 1.0"]),
        ('[grid]\nseed = [1]\n[tune]\nfactors = [1]\nvalidation = "a"', ["[tune] validation", "not a"]),
        ("[grid]\nseed = [1]\n[tune]\nfactors = [1]\noptions = 3", ["[tune] options must be a table", "not 3"]),
        (
            "[grid]\nseed = [1]\n[tune]\nfactors = [1]\noptions = { lr = 1 }",
            ["[tune] options must be without lr, not {'lr': 1}", "rates follow from factors"],
        ),
    ],
)
def test_a_mistake_is_named_in_one_line(text, parts):
    message = refusal(text)
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("wanted", "parts"),
    [
        ("method", ["--only must be AXIS=LABEL", "not method", "method, learners, seed, cluster"]),
        ("methods=gsgm", ["--only: the axis", "'methods'", "did you mean 'method'?"]),
        ("method=gsmg", ["--only method=", "downpour, gsgm", "'gsmg'", "did you mean 'gsgm'?"]),
        ("learners=4", ["--only learners=", "learners10, learners3", "'4'"]),
        ("method=gsgm,", ["--only method=", "''"]),
        ("method=", ["--only method=", "''"]),
    ],
)
def test_a_mistake_in_only_is_named_in_one_line(wanted, parts):
    message = refusal(FILE, wanted)
    assert all(part in message for part in parts), message
