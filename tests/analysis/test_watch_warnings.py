"""What watch.py warns of, and what it does not."""

import math

import numpy as np
import pytest
from _watch_view import view
from _watch_warnings import warnings

from tests.analysis.following import follow
from tests.analysis.watched import EPOCHS, rows


def kinds(path):
    return [warn.kind for warn in warnings(follow(path)[0])]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"status": "failed", "error": "out of memory"}, ["failed"]),
        ({"status": "diverged"}, ["diverged"]),
        ({"updates": {"loss": [0.5] * 20 + [math.nan, math.inf] + [0.5] * 8}}, ["loss"]),
        ({"epochs": {"test_loss": [2.0, 1.0, 1.0, 1.0, math.nan]}}, ["loss"]),
        ({"notes": '["slow disk", "late"]'}, ["note: slow disk", "note: late"]),
        ({"notes": "no JSON"}, ["note: no JSON"]),
        ({"notes": "[]"}, []),
        # Means of three: 80, 74, 76, then 80, 77, 75: four points down are not enough, five are.
        ({"epochs": {"test_accuracy": [0.8, 0.8, 0.8, 0.62, 0.86]}}, []),
        ({"epochs": {"test_accuracy": [0.8, 0.8, 0.8, 0.71, 0.70]}}, ["accuracy"]),
        ({"epochs": {"test_accuracy": [0.8, 0.8, 0.8, math.nan, math.nan]}}, []),
        # Learner 2 came every 0.1 s until 0.5, learner 1 until 1.45: not yet 10 times as long. Then until 2 and 17.
        ({"updates": {"learner": [2, 1] * 6 + [1] * 18, "arrival_s": np.arange(30) / 20}}, []),
        ({"updates": {"learner": [2, 1] * 6 + [1] * 18, "arrival_s": [*np.arange(12) / 20, *range(18)]}}, ["silent 2"]),
        ({"status": "stopped", "updates": {"learner": [2, 1] * 6 + [1] * 18,
          "arrival_s": [*np.arange(12) / 20, *range(18)]}}, []),
        # Learner 1 takes up to 1 s: where it is alone, 2 s are not three times as long.
        ({"updates": {"learner": [2, 1] * 6 + [1] * 18,
          "arrival_s": [*np.arange(12) / 20, *[1.55] * 9, *[2.5] * 9]}}, []),
        ({"config": {"budget": "per-learner"}, "updates": {"learner": [2, 1] * 6 + [1] * 18,
          "arrival_s": [*np.arange(12) / 20, *range(18)]}}, []),
    ],
)  # fmt: skip
def test_warnings(write_watched, changes, expected):
    assert kinds(write_watched(**changes)) == expected


def test_a_learner_that_was_not_heard_of(write_watched):
    k = 1 + np.zeros(50, int)
    silent = {"update": np.arange(1, 51), "learner": k, "staleness": k, "loss": 0.5 * k, "compute_s": 0.1 * k}
    silent |= {"arrival_s": np.arange(50.0), "applied": k}
    # With 20 a learner it should have been heard; of fewer nothing follows.
    (warn,) = warnings(follow(write_watched(updates=silent))[0])
    assert warn.text == "none of the last 50 gradients came from learner 2"
    assert kinds(write_watched(updates=rows(silent, 39))) == []


def test_of_many_warnings_a_window_shows_the_gravest(write_watched):
    path = write_watched(status="failed", updates={"loss": [math.nan] * 30}, ago=0, notes='["a", "b", "c", "d"]')
    windows = (view(follow(path)[0], 80, height, ascii_only=True) for height in (40, None))
    shown, whole = ([line.text for line in lines if line.text.startswith("!")] for lines in windows)
    assert whole == [
        "! failed: no reason given",
        "! the loss of update 1 was not finite",
        *[f"! note: {x}" for x in "bcd"],
    ]
    assert shown == [*whole[:4], "! and 1 more"]


def test_texts_of_warnings(write_watched):
    path = write_watched(status="failed", error="rank 3 died\x1b[2J")
    (line,) = [line.text for line in view(follow(path)[0], 80, None, ascii_only=True) if line.text.startswith("!")]
    assert line == "! failed: rank 3 died [2J"
    path = write_watched(updates={"learner": [2, 1] * 6 + [1] * 18, "arrival_s": [*np.arange(12) / 20, *range(18)]})
    # Last heard at 0.5.
    assert warnings(follow(path)[0])[0].text == "learner 2 has sent nothing for 16.5 s, usually every 0.1 s"


def test_no_news_is_a_warning_after_a_while(write_watched):
    path = write_watched(ago=0, epochs={"wall_s": [10.0, 20.0, 30.0, 40.0, 50.0]})
    followed, clock = follow(path)
    clock[0] += 50
    assert not warnings(followed)
    clock[0] += 80
    (warn,) = warnings(followed)
    assert warn.text == "no news for 2:10, usually 10 s at most; the run may be dead"
    # From the first change on, usual is also what was seen.
    write_watched(epochs={"wall_s": [10.0, 20.0, 30.0, 40.0, 50.0]})
    assert followed.poll()
    clock[0] += 5 * 130
    assert not warnings(followed)
    clock[0] += 1
    assert [warn.kind for warn in warnings(followed)] == ["quiet"]
    write_watched(status="finished")
    followed.poll()
    clock[0] += 1e6
    assert not warnings(followed)


def test_before_the_first_epoch_nothing_is_usual(write_watched):
    followed, clock = follow(write_watched(ago=0, epochs=rows(EPOCHS, 0)))
    clock[0] += 600
    assert not warnings(followed)
    clock[0] += 1
    assert warnings(followed)[0].text == "no news for 10:01; the run may be dead"
