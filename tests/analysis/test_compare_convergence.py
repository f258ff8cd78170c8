"""compare.py's rule of convergence: its verdict on curves about which a reader would not doubt."""

import math

import pytest
from _compare_convergence import guessing

from tests.analysis.compared import cells, methods

START = [0.1] * 12


@pytest.mark.parametrize(
    ("verdict", "accuracy"),
    [
        # Mean 0.805, slope 0.002, so drift 0.006; sigma = sqrt(0.005^2 - 1.25 x 0.002^2) = 0.00447.
        ("steady", [*START, 0.80, 0.81, 0.80, 0.81]),
        # Ten times that: the line explains 0.0224 of the spread, its rest is 0.0447.
        ("oscillating", [*START, 0.7, 0.8, 0.7, 0.8]),
        ("oscillating", [*START, 0.8, 0.7, 0.7, 0.8]),
        ("rising", [*START, 0.60, 0.65, 0.70, 0.75]),
        # Drift 0.345, of which 0.1286 of spread; the bend leaves a sigma of 0.0379.
        ("rising", [*START, 0.40, 0.60, 0.70, 0.75]),
        # Of the spread, the line explains 0.1118 and leaves 0.1; then 0.1118 and 0.12.
        ("rising", [*START, 0.45, 0.35, 0.45, 0.75]),
        ("oscillating", [*START, 0.47, 0.33, 0.43, 0.77]),
        # Of 17 the tail is five: a drift of 4 x 0.0026, and no line through 0.7 to 0.7.
        ("rising", [*START, 0.8000, 0.8026, 0.8052, 0.8078, 0.8104]),
        ("oscillating", [*START, 0.7, 0.8, 0.8, 0.8, 0.7]),
        ("falling", [*START, 0.75, 0.70, 0.60, 0.40]),
        # A drift of 0.012 is too much, one of 0.009 is not.
        ("rising", [*START, 0.800, 0.804, 0.808, 0.812]),
        ("steady", [*START, 0.800, 0.803, 0.806, 0.809]),
        ("past its best", [*START[4:], 0.8101, 0.8101, 0.8101, 0.8101, 0.8, 0.8, 0.8, 0.8]),
        ("steady", [*START[4:], 0.8099, 0.8099, 0.8099, 0.8099, 0.8, 0.8, 0.8, 0.8]),
        # A single peak of luck is not what it was able to do.
        ("steady", [*START[1:6], 0.9, *START[6:], 0.8, 0.8, 0.8, 0.8]),
        ("at chance", [0.1] * 16),
        ("at chance", [0.9, *START[1:], 0.2, 0.2, 0.2, 0.2]),
        ("steady", [*START, 0.201, 0.201, 0.201, 0.201]),
        # One lucky evaluation at the end makes no model of guesses.
        ("at chance", [*START, 0.1, 0.1, 0.1, 0.4]),
        ("too short", [0.8] * 8),
        ("steady", [0.8] * 9),
        ("undefined", [*START, 0.8, math.nan, 0.8, 0.8]),
        ("steady", [math.nan, *START[1:], 0.8, 0.8, 0.8, 0.8]),
        ("undefined", [math.nan] * 16),
        ("too short", []),
    ],
)
def test_the_rule_of_convergence(write_compared, capsys, verdict, accuracy):
    row = methods(capsys, write_compared("a.h5", accuracy))["GSGM"]
    assert row["runs"][0]["verdict"] == verdict
    told = verdict not in ("too short", "undefined")
    assert (row["converged"], row["told"]) == (int(verdict == "steady"), int(told))


@pytest.mark.parametrize(
    ("status", "verdict", "told"),
    [("running", "unfinished", 0), ("stopped", "unfinished", 0), ("failed", "unfinished", 0), ("diverged",) * 2 + (1,)],
)
def test_a_run_that_did_not_finish_has_not_converged(write_compared, capsys, status, verdict, told):
    row = methods(capsys, write_compared("a.h5", [0.8] * 16, status))["GSGM"]
    assert (row["runs"][0]["verdict"], row["converged"], row["told"]) == (verdict, 0, told)


def test_the_thresholds_are_options(write_compared, capsys):
    path = write_compared("a.h5", [*START, 0.80, 0.81, 0.80, 0.81])

    def verdict(*options):
        return methods(capsys, path, *options)["GSGM"]["runs"][0]["verdict"]

    # 0.447 points of sigma, 0.6 of drift.
    assert [verdict("--sigma", s) for s in ("0.44", "0.45")] == ["oscillating", "steady"]
    assert [verdict("--tolerance", s) for s in ("0.55", "0.65")] == ["rising", "steady"]


@pytest.mark.parametrize(("classes", "accuracy"), [(2, 0.75), (3, 2 / 3), (10, 0.2), (100, 0.02)])
def test_guessing_is_twice_chance_but_never_all(classes, accuracy):
    assert guessing(classes) == pytest.approx(accuracy)


def test_without_the_number_of_classes_chance_is_not_known(write_compared, capsys):
    row = methods(capsys, write_compared("a.h5", [0.1] * 16, classes=None))["GSGM"]
    assert row["runs"][0]["verdict"] == "steady"


def test_verdicts_of_several_seeds_are_counted(write_compared, tmp_path, capsys):
    for seed, level in enumerate([0.8, 0.8, 0.1]):
        write_compared(f"{seed}.h5", [level] * 16, seed=seed)
    write_compared("3.h5", [0.8] * 16, "running", seed=3)
    row = cells(capsys, tmp_path)[2][1]
    assert row[:8] == ["2", "steady,", "1", "at", "chance", "2", "of", "3"]
