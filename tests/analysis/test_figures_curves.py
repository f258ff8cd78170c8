"""figures.py: which runs become which curves, worked out by hand."""

import math

import numpy as np
import pytest
from _figures_measure import measure
from _results import UnreadableFileError, read
from scipy.stats import t

from tests.analysis.curves import curve, draw

NAN = math.nan


def test_the_mean_and_its_interval(write_curve, tmp_path, capsys):
    # Epoch 1: 50, 60, 70 have mean 60 and s = 10. Epoch 2: 62, 62, 65 have mean 63 and s = sqrt(3).
    seeds = [write_curve(f"{i}.h5", values, seed=i) for i, values in enumerate([[0.5, 0.62], [0.6, 0.62], [0.7, 0.65]])]
    found = curve(seeds, band="ci")
    np.testing.assert_allclose(found.mean, [60, 63])
    half = t.ppf(0.975, 2) * np.array([10, math.sqrt(3)]) / math.sqrt(3)
    assert t.ppf(0.975, 2) == pytest.approx(4.302653)
    np.testing.assert_allclose(found.low, found.mean - half)
    np.testing.assert_allclose(found.high, found.mean + half)
    assert draw(tmp_path, "--window", "2") == 0
    caption = "lines: mean over 3 seeds; band: 95 % t interval of the mean, where there are three seeds; sigma: over 2"
    assert caption in capsys.readouterr().out
    wide = curve(seeds, band="range")
    np.testing.assert_allclose([wide.low, wide.high], [[50, 62], [70, 65]])


def test_sigma_is_the_mean_of_the_runs_own_and_its_interval_is_one_of_logarithms(write_curve):
    # The mean of these curves stands still, but each run's pairs deviate by 10, 10 and 40 points.
    seeds = [write_curve("0.h5", [0.2, 0.4]), write_curve("1.h5", [0.4, 0.2]), write_curve("2.h5", [0.1, 0.9])]
    found = curve(seeds, "sigma", band="ci")
    np.testing.assert_allclose(found.mean, [NAN, 20])
    # s = sqrt((100 + 100 + 400) / 2) = sqrt(300), so s / sqrt(3) / mean = 0.5.
    factor = math.exp(t.ppf(0.975, 2) * 0.5)
    np.testing.assert_allclose([found.low[1], found.high[1]], [20 / factor, 20 * factor])


def test_two_seeds_have_no_interval_and_one_has_no_band_at_all(write_curve):
    seeds = [write_curve("0.h5", [0.5, 0.6]), write_curve("1.h5", [0.7])]
    assert np.isnan(curve(seeds, band="ci").low).all()
    np.testing.assert_allclose(curve(seeds, band="range").low, [50, NAN])
    np.testing.assert_allclose(curve(seeds, band="range").high, [70, NAN])


def test_seeds_that_ended_no_longer_count(write_curve):
    seeds = [
        write_curve("0.h5", [0.2, 0.4, 0.6]),
        write_curve("1.h5", [0.4, 0.8], "diverged"),
        write_curve("2.h5", [0.3, NAN, 0.9]),
        write_curve("3.h5", []),
        write_curve("4.h5", [NAN, math.inf], "diverged"),
    ]
    found = curve(seeds)
    np.testing.assert_allclose(found.mean, [30, 60, 75])
    assert (found.seeds.tolist(), found.of) == ([3, 2, 2], 3)
    assert found.diverged == ((2.0, pytest.approx(80)),)
    assert curve(seeds, "sigma").of == 3


def test_other_axes_are_interpolated_between_epochs_and_nowhere_else(write_curve, tmp_path, drawn):
    seeds = [
        write_curve("0.h5", [0.2, 0.4], columns={"wall_s": [1.0, 3.0]}),
        write_curve("1.h5", [0.4, 0.8], columns={"wall_s": [2.0, 4.0]}, seed=2),
    ]
    found = curve(seeds, x="seconds")
    # At 2: (30 + 40) / 2; at 3: (40 + 60) / 2; at 1 and 4 there is one seed.
    np.testing.assert_allclose(found.x, [1, 2, 3, 4])
    np.testing.assert_allclose(found.mean, [20, 35, 50, 80])
    assert found.seeds.tolist() == [1, 2, 2, 1]
    assert draw(tmp_path, "--x", "seconds", "--scale", "linear", "--band", "range") == 0
    top, bottom = drawn["accuracy-sigma-by-seconds.png"].axes
    whole, pale = top.lines
    np.testing.assert_allclose(whole.get_ydata(), [NAN, 35, 50, NAN])
    np.testing.assert_allclose(pale.get_ydata(), [20, 35, 50, 80])
    assert bottom.get_xlabel() == "wall-clock time (s)"
    # At 2 from 30 to 40, at 3 from 40 to 60.
    (band,) = top.collections
    assert {tuple(np.round(corner, 6)) for corner in band.get_paths()[0].vertices} == {
        (2, 30),
        (2, 40),
        (3, 40),
        (3, 60),
    }
    # The lines from 20 to 80, and 4 % of that on either side.
    np.testing.assert_allclose(top.get_ylim(), (17.6, 82.4))


def test_a_gap_is_not_bridged(write_curve):
    gap = write_curve("0.h5", [0.2, NAN, 0.6, 0.8], columns={"wall_s": [1.0, 2.0, 3.0, 4.0]})
    other = write_curve("1.h5", [0.5] * 4, columns={"wall_s": [1.5, 2.5, 3.5, 4.0]})
    assert curve([gap, other], x="seconds").seeds.tolist() == [1, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("x", "places"),
    [("update", [600, 1200]), ("gradients", [700, 1400]), ("bytes", [1e6, 2e6]), ("seconds", [10, 20])],
)
def test_every_axis_has_its_column(write_curve, x, places):
    assert measure(read(write_curve("0.h5", [0.2, 0.4])), x, 2).x.tolist() == places


def test_seconds_are_virtual_where_all_of_them_are(write_curve):
    run = measure(read(write_curve("0.h5", [0.2, 0.4], columns={"virtual_s": [0.5, 1.5]})), "seconds", 2)
    assert (run.x.tolist(), run.clock) == ([0.5, 1.5], "virtual")
    run = measure(read(write_curve("0.h5", [0.2, 0.4], columns={"virtual_s": [0.5, NAN]})), "seconds", 2)
    assert (run.x.tolist(), run.clock) == ([10, 20], "wall-clock")


def test_epochs_that_one_message_completed_are_one_point(write_curve):
    # Pairs deviate by 10, 0 and 20 points.
    path = write_curve("0.h5", [0.2, 0.4, 0.4, 0.8], columns={"update": [600, 1800, 1800, 2400]})
    run = measure(read(path), "update", 2)
    assert run.x.tolist() == [600, 1800, 2400]
    np.testing.assert_allclose(run.accuracy, [20, 40, 80])
    np.testing.assert_allclose(run.sigma, [NAN, 0, 20])


def test_a_column_of_another_length_is_named(write_curve):
    path = write_curve("0.h5", [0.2, 0.4], columns={"sent_bytes": [1]})
    with pytest.raises(UnreadableFileError, match="/epochs/sent_bytes is not one number an epoch"):
        measure(read(path), "bytes", 2)
