"""watch.py's figures of a handmade run, worked out by hand."""

import h5py
import numpy as np
import pytest
from _results import UnreadableFileError, read

from tests.analysis.following import measured
from tests.analysis.handmade import replace
from tests.analysis.watched import LEARNERS


def test_the_figures(write_watched):
    held = measured(write_watched())
    assert (held.method, held.done, held.total) == ("PSGD-1", 30, 60)
    assert held.peak == 3
    # From epoch 2 to 5: 18 updates in 4 s, or 3 virtual ones; over all: 30 in 8 s, 5 virtual ones.
    assert held.rates == (4.5, 3.75)
    assert held.virtual_rates == (6, 6)
    assert held.left_s == pytest.approx(30 / 4.5)
    assert held.epoch_times_s.tolist() == [2, 2, 2, 1, 1]
    # Used: 0 to 28. 0.95 * 29 = 27.55, so the 28th smallest.
    assert (held.staleness, held.recent, held.recent_rows) == ((14, 27, 28), 29, 30)
    one, two = held.learners
    # The median of the medians 0.1 and 0.3 is 0.2.
    assert (one.used, one.median_s, one.times, one.waiting) == (20, 0.1, 0.5, 0.75)
    assert (two.used, two.dropped, two.median_s, two.times) == (9, 1, 0.3, pytest.approx(1.5))
    assert two.waiting == pytest.approx(0.1)
    assert held.waiting == pytest.approx(6.3 / 11)


@pytest.mark.parametrize(
    ("options", "total"),
    [
        ({}, 60),
        ({"algo": "svrg"}, 60),
        # Loops of 3, 3, 3, 1 epochs of 3 + 4 = 7 batches: 21, 21, 21, 7, each rounded up to a multiple of 2.
        ({"algo": "svrg", "samples": [21, 40]}, 74),
        ({"algo": "svrg", "samples": [21, 40], "budget": "per-learner"}, 70),
        ({"samples": [21, 40]}, 70),
        ({"batch_size": None}, None),
    ],
)
def test_the_updates_of_the_whole_run(write_watched, options, total):
    samples = options.pop("samples", [20, 40])
    assert measured(write_watched(config=options, learners={"samples": samples})).total == total


def test_more_learners_and_a_run_that_is_rounded_up(write_watched):
    three = {name: [*values, values[0]] for name, values in LEARNERS.items()} | {"learner": [1, 2, 3]}
    updates = {"update": np.arange(61, 91), "learner": [1, 2, 3] * 10}
    held = measured(write_watched(learners=three, updates=updates, config={"epochs": 1}))
    # Medians 0.1, 0.1, 0.3: the typical one is 0.1, their mean is not.
    assert [one.times for one in held.learners] == [pytest.approx(times) for times in (1, 1, 3)]
    # 2 + 4 + 2 batches, but 90 were used.
    assert (held.done, held.total) == (90, 90)


def test_recent_are_the_last_updates_only(write_watched, monkeypatch):
    monkeypatch.setattr("_watch_measure._RECENT_ROWS", 4)
    monkeypatch.setattr("_watch_measure._RECENT_ROWS_PER_LEARNER", 3)
    held = measured(write_watched())
    # Three a learner: the last six, staleness 24 to 28 and one that was dropped.
    assert (held.recent_rows, held.recent, held.staleness) == (6, 5, (26, 28, 28))


def test_only_the_last_rows_of_a_group_are_read(write_watched):
    path = write_watched()
    results = read(path, ("epochs", "updates"), {"updates": 7})
    assert results.column("updates", "update").tolist() == list(range(24, 31))
    assert len(results.column("epochs", "epoch")) == 5
    assert len(read(path, ("updates",), {"updates": 1000}).column("updates", "update")) == 30
    with h5py.File(path, "r+") as file:
        file["updates/alone"] = 3.0
    assert read(path, ("updates",), {"updates": 7}).column("updates", "alone") == 3


@pytest.mark.parametrize(
    ("group", "column", "values"),
    [
        ("epochs", "test_accuracy", [0.5]),
        ("updates", "loss", ["a"] * 30),
        ("updates", "update", np.full(30, np.nan)),
        ("learners", "samples", 3),
    ],
)
def test_a_column_of_another_kind_is_named(write_watched, group, column, values):
    path = write_watched(
        **{group: {column: np.asarray(values, "S1" if values[0] == "a" else None) if column != "samples" else 3}}
    )
    with pytest.raises(UnreadableFileError, match=f"/{group}/{column} is not one number a row"):
        measured(path)


def test_what_a_run_would_never_write(write_watched):
    path = write_watched()
    replace(path, "learners/learner", 3)
    with pytest.raises(UnreadableFileError, match="/learners/learner is not one number a row"):
        measured(path)
    assert measured(write_watched(config={"batch_size": 10**30})).total == 30
    assert measured(write_watched(start=np.array([1, 2]))).results.provenance["start"] == "[1, 2]"
