"""Models of durations, speeds and stragglers, and every mistake in one line."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsgm_mpi.durations import (
    Measured,
    Modelled,
    Recorded,
    Slowing,
    check_speeds,
    parse_factors,
    parse_model,
    parse_slow,
)
from gsgm_mpi.errors import UserError
from gsgm_mpi.streams import Purpose, stream

models = st.sampled_from(["constant", "lognormal:0.3", "gamma:5"])


def modelled(model="constant", factors=(1.0, 1.0), mean_s=1.0, seed=1):
    return Modelled(model, factors, mean_s=mean_s, seed=seed)


def mistake(call, *arguments):
    with pytest.raises(UserError) as caught:
        call(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_constant_gradients_take_the_time_given_times_the_learner_s_factor():
    durations = modelled(factors=(1.0, 2.5), mean_s=0.25)
    assert [durations.gradients(1, 7, n) for n in (1, 2, 4)] == [0.25, 0.5, 1.0]
    assert durations.gradients(2, 0, 2) == 1.25
    assert durations.full_pass(2, 4) == 2.5


@given(model=models, seed=st.integers(0, 2**63 - 1), k=st.integers(1, 3), i=st.integers(0, 10**6))
def test_a_duration_is_a_function_of_seed_learner_and_step(model, seed, k, i):
    """Whatever was asked before, in another object, and in however many hand-outs."""
    one, other = (modelled(model, (1.0, 1.5, 3.0), seed=seed) for _ in range(2))
    asked = [other.gradients(j, s, 1) for j in (3, 1, 2) for s in (i + 1, i)]
    assert one.gradients(k, i, 1) == other.gradients(k, i, 1) in asked
    assert one.gradients(k, i, 3) == pytest.approx(sum(one.gradients(k, i + j, 1) for j in range(3)), rel=1e-12)
    assert one.gradients(k, i, 1) > 0


@pytest.mark.parametrize("model", ["lognormal:0.3", "gamma:5"])
def test_other_seeds_learners_and_steps_take_other_times(model):
    found = {modelled(model, seed=seed).gradients(k, i, 1) for seed in (1, 2) for k in (1, 2) for i in (0, 1)}
    assert len(found) == 8


def test_a_draw_is_the_stream_s_and_scales_with_factor_and_mean():
    rng = stream(4, Purpose.DURATIONS, 2, 9)
    expected = 0.5 * 3.0 * math.exp(0.3 * rng.standard_normal())
    assert modelled("lognormal:0.3", (1.0, 3.0), 0.5, seed=4).gradients(2, 9, 1) == pytest.approx(expected, rel=1e-15)


def test_chance_has_the_moments_that_the_models_name():
    logs = np.log([modelled("lognormal:0.5").gradients(1, i, 1) for i in range(2000)])
    assert abs(np.median(logs)) < 0.05
    assert np.std(logs) == pytest.approx(0.5, rel=0.05)
    gammas = [modelled("gamma:4").gradients(1, i, 1) for i in range(2000)]
    assert np.mean(gammas) == pytest.approx(1, abs=0.05)
    assert np.std(gammas) == pytest.approx(0.5, rel=0.1)
    assert {modelled("lognormal:0").gradients(1, i, 1) for i in range(5)} == {1.0}


@pytest.mark.parametrize("model", ["constant", "lognormal:0.5", "gamma:0.5"])
def test_the_full_pass_is_no_step_and_left_to_no_chance(model):
    assert modelled(model, (1.0, 2.0), 0.5).full_pass(2, 3) == 3.0


def test_the_factors_do_not_change_what_chance_gives():
    """Two clusters that differ in speed alone differ by a factor in every gradient."""
    one, other = modelled("gamma:2", (1.0, 1.0)), modelled("gamma:2", (1.0, 4.0))
    for i in range(5):
        assert other.gradients(2, i, 1) == 4 * one.gradients(2, i, 1)
        assert other.gradients(1, i, 1) == one.gradients(1, i, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "normal",
        "constant:1",
        "lognormal",
        "lognormal:",
        "lognormal:x",
        "lognormal:-0.1",
        "lognormal:nan",
        "Gamma:1",
        "gamma",
        "gamma:0",
        "gamma:-1",
        "gamma:0.01",
        "lognormal:11",
        "gamma:inf",
        "gamma:nan",
        "lognormal:inf",
        " constant",
        "gamma:1:2",
    ],
)
def test_a_model_that_is_none_is_one_line(text):
    assert mistake(parse_model, text) == (
        "--durations must be constant, lognormal:S with S in [0, 10], or gamma:SHAPE with SHAPE >= 0.1, not "
        f"{text!r}; e.g. lognormal:0.1"
    )


def test_recorded_durations_come_in_order_and_begin_again():
    measured = Measured({1: [1.0, 2.0, 4.0], 2: [8.0]}, {1: [0.5, 0.25, 0.0], 2: [3.0]}, ())
    durations = Recorded(measured, [1.0, 0.5])
    assert [durations.gradients(1, i, 1) for i in range(7)] == [1, 2, 4, 1, 2, 4, 1]
    assert durations.gradients(1, 2, 5) == 4 + 1 + 2 + 4 + 1
    assert durations.gradients(2, 100, 3) == 12.0, "with the factor on top"
    assert [durations.way(1, i) for i in range(4)] == [0.5, 0.25, 0.0, 0.5]
    assert durations.way(2, 7) == 3.0, "the way is not the learner's own work"
    assert durations.full_pass(1, 6) == pytest.approx(14.0)
    assert durations.full_pass(2, 2) == 8.0


def test_recorded_phases_come_in_order_and_begin_again():
    durations = Recorded(Measured({1: [1.0]}, {1: [0.0]}, [2.5, 4.0]), [3.0])
    assert [durations.phase(loop) for loop in range(4)] == [2.5, 4.0, 2.5, 4.0]
    assert Recorded(Measured({1: [1.0]}, {1: [0.0]}, []), [3.0]).phase(0) is None


def test_a_model_has_no_ways_and_phases_of_its_own():
    assert modelled("gamma:2").way(1, 3) == 0.0
    assert modelled("gamma:2").phase(1) is None


def test_a_real_learner_waits_until_its_work_has_taken_as_long_as_it_shall():
    slowing = Slowing(modelled(factors=(1.0, 3.0), mean_s=2.0), (1.0, 3.0))
    assert slowing.gradients(1, 0, 1, took_s=0.5) == 1.5
    assert slowing.gradients(2, 0, 2, took_s=0.5) == 11.5
    assert slowing.gradients(1, 0, 1, took_s=5.0) == 0.0, "what took longer already is not waited for"
    assert slowing.full_pass(2, 4, took_s=1.0) == 23.0
    assert slowing.full_pass(1, 1, took_s=9.0) == 0.0


def test_without_a_model_a_real_learner_is_slower_by_its_factor():
    slowing = Slowing(None, (1.0, 3.0))
    assert slowing.gradients(1, 0, 5, took_s=0.5) == 0.0
    assert slowing.gradients(2, 0, 5, took_s=0.5) == 1.0
    assert slowing.full_pass(2, 9, took_s=2.0) == 4.0


def test_speeds_are_a_number_for_each_learner():
    assert parse_factors("1,2,0.5", "", 3, 0) == [1.0, 0.5, 2.0]
    assert parse_factors("", "", 3, 0) == [1.0, 1.0, 1.0]


def test_a_spread_is_even_on_a_logarithmic_scale_from_the_first_to_the_last():
    factors = parse_factors("spread:16", "", 5, 0)
    assert factors == pytest.approx([1, 2, 4, 8, 16])
    assert parse_factors("spread:16", "", 1, 0) == [1.0]
    assert parse_factors("spread:1", "", 3, 0) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("text", ["lognormal:0.5", "gamma:3"])
def test_drawn_speeds_are_functions_of_seed_and_learner(text):
    four, six = parse_factors(text, "", 4, 7), parse_factors(text, "", 6, 7)
    assert six[:4] == four, "more learners do not change those there are"
    assert len(set(six)) == 6
    assert all(factor > 0 for factor in six)
    assert set(parse_factors(text, "", 6, 8)).isdisjoint(six)


def test_a_drawn_speed_is_the_learner_s_time_for_a_gradient():
    expected = math.exp(0.5 * stream(7, Purpose.SPEEDS, 2).standard_normal())
    assert parse_factors("lognormal:0.5", "", 3, 7)[1] == pytest.approx(expected, rel=1e-15)


def test_stragglers_come_on_top_of_speeds():
    assert parse_factors("1,2", "2:5,1:3", 2, 0) == [3.0, 2.5]
    assert parse_factors("", "3:1.5", 3, 0) == [1.0, 1.0, 1.5]
    assert parse_slow(" 3:5, 12:2.5 ,") == {3: 5.0, 12: 2.5}
    assert parse_slow("") == {}


SPEEDS = (
    "--speeds must be one number in [1e-6, 1e6] a learner (1,1,0.5), spread:FACTOR with FACTOR in [1, 1e6], "
    "lognormal:S or gamma:SHAPE (see --durations)"
)


@pytest.mark.parametrize(
    "text",
    [
        "fast",
        "1,0",
        "1,-1",
        "1,nan",
        "inf,1",
        "1,,1",
        "spread:0.5",
        "spread:inf",
        "spread:x",
        "spread",
        "spread:",
        ",1",
        "lognormal:-1",
        "gamma:0",
        "constant:1",
        "1;2",
    ],
)
def test_speeds_that_are_none_are_one_line_for_any_number_of_learners(text):
    expected = f"{SPEEDS}, not {text!r}; e.g. spread:5"
    assert mistake(check_speeds, text) == expected
    assert mistake(parse_factors, text, "", 2, 0) == expected


def test_speeds_must_be_as_many_as_the_learners():
    check_speeds("1,2,3")
    check_speeds("")
    assert (
        mistake(parse_factors, "1,2,3", "", 4, 0)
        == "--speeds must be one number a learner, 4 of them, not 3 numbers; e.g. spread:5"
    )


@pytest.mark.parametrize(
    "text", ["3", "3:", ":5", "0:5", "3:0.5", "3:nan", "3:inf", "3:x", "-1:5", "a:5", "1:2;3:4", "1.5:2"]
)
def test_stragglers_that_are_none_are_one_line(text):
    expected = f"--slow must be LEARNER:FACTOR,... with factors in [1, 1e6], not {text!r}; e.g. 3:5"
    assert mistake(parse_slow, text) == expected


def test_a_straggler_must_exist():
    assert mistake(parse_factors, "", "2:3,5:2", 4, 0) == "--slow names learner 5, but there are 4; e.g. --slow 4:5"
