"""Statistics over seeds, against figures worked out by hand and against scipy's own tests."""

import math
from dataclasses import astuple

import numpy as np
import pytest
from _estimates import differences, estimate, holm, log_ratios, reach
from scipy import stats


def test_a_mean_by_hand():
    # sd 1, standard error 1/sqrt(3), t = 2 sqrt(3). With 2 degrees of freedom the 97.5 % quantile is 4.302653, and
    # p = 1 - t / sqrt(2 + t^2) = 1 - sqrt(12 / 14).
    mean = estimate([1.0, 2.0, 3.0])
    assert (mean.n, mean.mean, mean.sd) == (3, 2.0, 1.0)
    assert mean.half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert mean.p == pytest.approx(1 - math.sqrt(12 / 14))
    assert (mean.low, mean.high) == (2.0 - mean.half, 2.0 + mean.half)


@pytest.mark.parametrize("n", [2, 3, 5, 30])
def test_interval_and_p_are_scipys(n):
    rng = np.random.default_rng(n)
    own, rival = rng.normal(0.5, 1, n), rng.normal(0, 1, n)
    mean = estimate(differences(dict(enumerate(own)), dict(enumerate(rival))))
    test = stats.ttest_rel(own, rival)
    low, high = test.confidence_interval(0.95)
    assert (mean.low, mean.high, mean.p) == pytest.approx((low, high, test.pvalue), rel=1e-9)


def test_a_negative_mean_has_the_p_of_its_opposite():
    assert estimate([-1.0, -2.0, -4.0]).p == estimate([1.0, 2.0, 4.0]).p


def test_one_value_has_no_interval_and_none_no_mean():
    nan = math.nan
    assert astuple(estimate([7.0])) == pytest.approx((1, 7.0, nan, nan, nan), nan_ok=True)
    assert astuple(estimate([])) == pytest.approx((0, nan, nan, nan, nan), nan_ok=True)


def test_undefined_values_do_not_count():
    assert estimate([1.0, math.nan, 2.0, math.inf, 3.0]) == estimate([1.0, 2.0, 3.0])


@pytest.mark.parametrize("values", [[10.0, 10.0], [0.1 + 0.2, 0.3, 0.3], [0.0] * 3])
def test_values_that_are_all_the_same_have_no_interval(values):
    mean = estimate(values)
    assert mean.sd == 0
    assert mean.mean == pytest.approx(values[-1])
    assert math.isnan(mean.half)
    assert math.isnan(mean.p)


def test_a_difference_of_one_sample_in_a_million_is_a_spread():
    assert estimate([97.0, 97.0001]).half == pytest.approx(12.7062 * 0.00005, rel=1e-4)


def test_pairs_are_of_one_seed():
    assert differences({1: 10.0, 2: 20.0, 3: 30.0}, {4: 0.0, 3: 1.0, 1: 2.0}) == [8.0, 29.0]


def test_log_ratios_change_their_sign_with_the_sides():
    own, rival = {1: 1.0, 2: 3.0}, {1: 4.0, 2: 2.0}
    assert log_ratios(own, rival) == pytest.approx([-math.log(4), math.log(1.5)])
    assert log_ratios(rival, own) == pytest.approx([math.log(4), -math.log(1.5)])


def test_a_ratio_with_a_zero_or_nothing_is_undefined():
    ratios = log_ratios({1: 0.0, 2: 1.0, 3: math.nan, 4: 1.0}, {1: 1.0, 2: 0.0, 3: 1.0, 4: 1.0})
    assert ratios == pytest.approx([math.nan, math.nan, math.nan, 0.0], nan_ok=True)


@pytest.mark.parametrize(
    ("p", "corrected"),
    [
        # 5 x 0.01, 4 x 0.02, 3 x 0.03, then what was reached before: 2 x 0.04 and 0.05 are less.
        ([0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.08, 0.09, 0.09, 0.09]),
        ([0.04, 0.01, 0.03], [0.06, 0.03, 0.06]),
        ([0.7, 0.6], [1.0, 1.0]),
        ([math.nan, 0.02, math.nan, 0.01], [math.nan, 0.02, math.nan, 0.02]),
        ([], []),
    ],
)
def test_holms_correction(p, corrected):
    assert holm(p) == pytest.approx(corrected, nan_ok=True)


def test_reach_of_three_values():
    assert reach(3) == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
