"""Runs in cells: what differs between their surroundings is the setting, all else is part of the method's name."""

from dataclasses import fields

import pytest
from _cells import OF_KEEPING, OF_METHOD, OF_SETTING, Cell, cells, in_words, load, method_name, methods, notes

from gsgm_mpi.config import NO_PART_OF_A_RUN, Config

CURVE = [0.2, 0.4]
CASES = {"a": "running", "b": "finished", "c": "diverged"}


@pytest.fixture
def found(write_run, tmp_path):
    """Writes runs of the given options, and returns them in cells."""

    def find(*options):
        for i, own in enumerate(options):
            write_run(f"run{i}.h5", CURVE, **own)
        runs, unreadable = load([tmp_path])
        assert not unreadable
        return cells(runs)

    return find


def test_every_general_option_has_its_place():
    general = {f.name for f in fields(Config) if f.name != "options"}
    assert {*OF_METHOD, *OF_KEEPING, *OF_SETTING, "seed"} == general
    assert set(OF_KEEPING) == NO_PART_OF_A_RUN


def test_seeds_of_one_method_and_setting_share_a_cell(found):
    there = found({"seed": 2, "learners": 10}, {"seed": 1, "learners": 10}, {"seed": 1, "learners": 9})
    assert list(there) == [Cell("GSGM", (("learners", 9),)), Cell("GSGM", (("learners", 10),))]
    assert [list(runs) for runs in there.values()] == [[1], [1, 2]]


def test_a_rate_that_follows_the_method_is_no_setting_and_not_named(found):
    there = found({"lr": 0.1}, {"method": "downpour", "lr": 0.2}, {"lr": 0.3, "seed": 2})
    assert methods(there) == ["GSGM", "DSGD"]
    assert {cell.setting for cell in there} == {()}


def test_options_of_their_own_tell_runs_of_one_method_apart(found):
    there = found(
        *({"method": "k-avg", "period": period, "lr": lr} for period, lr in ((4, 0.1), (8, 0.2))),
        {"method": "ssgd", "lr": 0.1},
        {"method": "ssgd", "lr": 0.2},
    )
    assert methods(there) == ["SSGD lr=0.1", "SSGD lr=0.2", "K-AVG period=4", "K-AVG period=8"]


def test_an_empty_text_is_an_option_not_given(found):
    there = found({"speeds": ""}, {"method": "downpour"}, {"speeds": "spread:5"})
    assert [in_words(cell.setting) for cell in there] == ["even speeds", "even speeds", "speeds spread:5"]


def test_one_run_told_twice_counts_once(found):
    there = found({"output": "a"}, {"output": "b"})
    assert [len(runs) for runs in there.values()] == [1]


def test_a_run_that_has_ended_is_kept_before_its_copy_that_has_not(write_run, tmp_path):
    write_run("a.h5", CURVE, status="running")
    write_run("b.h5", CURVE, status="diverged")
    ((kept,),) = (runs.values() for runs in cells(load([tmp_path])[0]).values())
    assert kept.path.name == "b.h5"


def test_settings_are_ordered_by_the_numbers_in_them(found):
    there = found(*({"speeds": f"spread:{x}"} for x in (100, 5, 2.5, 20)), {"speeds": "lognormal:0.1"})
    shown = [dict(cell.setting)["speeds"] for cell in there]
    assert shown == ["lognormal:0.1", "spread:2.5", "spread:5", "spread:20", "spread:100"]


def test_a_foreign_configuration_is_a_file_that_cannot_be_read(write_run):
    runs, (error,) = load([write_run("a.h5", CURVE, learners=[1])])
    assert not runs
    assert error.reason == "/provenance/config has no single value for learners"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"method": "downpour"}, "DSGD"),
        ({"method": "ssp", "staleness": 2, "local_momentum": True}, "PSGD-2-LM"),
        ({"method": "ssp", "staleness": 2, "algo": "svrg"}, "DVRG-2"),
        ({"method": "downpour", "algo": "svrg"}, "ASVRG"),
        ({"method": "downpour", "gate": "white-list", "local_momentum": True}, "DSGD-LM (white list)"),
        ({"method": "gsgm", "gate": "ssp", "staleness": 1}, "GSGM (ssp-1)"),
        ({"method": "mine.py:Mine"}, "mine.py:Mine"),
    ],
)
def test_names_are_the_papers(write_run, options, name):
    (run,) = load([write_run("a.h5", CURVE, **options)])[0]
    assert method_name(run) == name


def test_unfinished_runs_are_noted(write_run):
    runs, _ = load([write_run(f"{i}.h5", CURVE, status=s) for i, s in CASES.items()])
    assert notes(runs) == ["note: a.h5: running, 2 of 4 epochs so far", "note: c.h5: diverged, 2 of 4 epochs"]
