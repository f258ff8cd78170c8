"""Clock, learners and their speeds as they follow from options and ranks, and every mistake in one line."""

import math

import pytest

from gsgm_mpi.cluster import durations, link, settle, slowing
from gsgm_mpi.config import Config
from gsgm_mpi.durations import Measured, Modelled, Recorded
from gsgm_mpi.errors import UserError
from gsgm_mpi.network import Link


def settled(ranks, **options):
    config = settle(Config(**options), ranks)
    return config.clock, config.learners


def mistake(ranks, **options):
    with pytest.raises(UserError) as caught:
        settle(Config(**options), ranks)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("ranks", "options", "expected"),
    [
        (5, {}, ("wall", 4)),
        (5, {"clock": "wall"}, ("wall", 4)),
        (5, {"clock": "wall", "learners": 4}, ("wall", 4)),
        (5, {"learners": 4}, ("wall", 4)),
        (2, {}, ("wall", 1)),
        (1, {"learners": 7}, ("virtual", 7)),
        (1, {"learners": 7, "clock": "virtual"}, ("virtual", 7)),
        (5, {"clock": "virtual"}, ("virtual", 4)),
        (5, {"clock": "virtual", "learners": 30}, ("virtual", 30)),
        (5, {"clock": "virtual", "learners": 2}, ("virtual", 2)),
        (5, {"durations_from": "a.h5", "learners": 3}, ("virtual", 3)),
        (5, {"durations": "constant", "speeds": "spread:3", "slow": "4:2"}, ("wall", 4)),
        (1, {"learners": 3, "outages": "3:1-2", "latency": 0.1, "bandwidth": 1e6, "server_time": 0.01}, ("virtual", 3)),
    ],
)
def test_the_clock_and_the_learners_follow_from_the_ranks(ranks, options, expected):
    assert settled(ranks, **options) == expected


def test_what_is_settled_stays_so_on_the_same_ranks():
    config = settle(Config(), 4)
    assert settle(config, 4) == config


def test_all_other_options_stay_as_they_were():
    config = Config(clock="virtual", speeds="spread:3", seed=9, options={"momentum": 0.5})
    found = settle(config, 3).to_dict()
    assert found == config.to_dict() | {"learners": 2}


@pytest.mark.parametrize(
    ("ranks", "options", "expected"),
    [
        (
            1,
            {"clock": "wall"},
            "--clock wall needs at least 2 ranks (rank 0 serves, the others learn), not 1; start it with mpiexec -n",
        ),
        (
            1,
            {"clock": "virtual"},
            "--learners must be given where there is one rank (virtual time), e.g. --learners 4; ",
        ),
        (1, {}, "--learners must be given where there is one rank"),
        (
            5,
            {"learners": 7},
            "--learners must be one less than the 5 ranks under --clock wall, not 7; start it with mpiexec -n 8, "
            "or use --clock virtual",
        ),
        (
            5,
            {"clock": "wall", "learners": 3},
            "--learners must be one less than the 5 ranks under --clock wall, not 3; ",
        ),
        (5, {"speeds": "1,2,3"}, "--speeds must be one number a learner, 4 of them, not 3 numbers"),
        (5, {"slow": "5:2"}, "--slow names learner 5, but there are 4; e.g. --slow 4:5"),
        (1, {"learners": 2, "outages": "3:1-2"}, "--outages names learner 3, but there are 2; e.g. --outages 2:10-20"),
        (
            1,
            {"learners": 4, "method": "hier-avg", "options": {"groups": "node"}},
            "--groups node has no meaning under --clock virtual, whose learners have no nodes; use contiguous",
        ),
    ],
)
def test_what_does_not_fit_is_one_line_with_the_fix(ranks, options, expected):
    assert mistake(ranks, **options).startswith(expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [("latency", 0.1), ("bandwidth", 1e6), ("server_time", 0.1), ("outages", "1:1-2"), ("durations_from", "a.h5")],
)
def test_what_only_virtual_time_heeds_is_refused_under_the_wall_clock(name, value):
    flag = "--" + name.replace("_", "-")
    expected = f"{flag} is an option of --clock virtual, not of --clock wall; leave it out"
    assert mistake(5, clock="wall", **{name: value}) == expected
    assert settled(5, clock="virtual", **{name: value}) == ("virtual", 4)


def test_groups_by_node_are_a_matter_of_the_wall_clock():
    assert settled(5, method="hier-avg", options={"groups": "node"}) == ("wall", 4)


def test_the_link_has_no_limit_where_the_bandwidth_is_zero():
    assert link(Config()) == Link(0.0, math.inf, 0.0)
    assert link(Config(latency=0.5, bandwidth=10.0, server_time=0.25)) == Link(0.5, 10.0, 0.25)


def test_durations_are_lognormal_unless_another_model_is_named():
    config = Config(learners=2, seed=3, gradient_time=0.5, speeds="1,0.5")
    found = [durations(config, None).gradients(2, i, 1) for i in range(4)]
    model = Modelled("lognormal:0.1", (1.0, 2.0), mean_s=0.5, seed=3)
    assert found == [model.gradients(2, i, 1) for i in range(4)]
    assert durations(Config(learners=1, durations="constant"), None).gradients(1, 0, 3) == pytest.approx(0.03)


def test_recorded_durations_are_taken_with_speeds_and_stragglers_on_top():
    measured = Measured({1: [1.0], 2: [2.0, 4.0]}, {1: [0.0], 2: [0.5, 0.0]}, ())
    found = durations(Config(learners=2, slow="2:3"), measured)
    assert isinstance(found, Recorded)
    assert [found.gradients(2, i, 1) for i in range(3)] == [6.0, 12.0, 6.0]


def test_real_learners_are_slowed_only_where_an_option_says_so():
    assert slowing(Config(learners=3)) is None
    assert slowing(Config(learners=3, gradient_time=5.0)) is None


def test_of_unequal_real_learners_the_fastest_is_itself():
    found = slowing(Config(learners=3, speeds="2,1,0.5"))
    assert [found.gradients(k, 0, 1, 1.0) for k in (1, 2, 3)] == [0.0, 1.0, 3.0]
    found = slowing(Config(learners=2, slow="2:5"))
    assert [found.gradients(k, 0, 1, 2.0) for k in (1, 2)] == [0.0, 8.0]


def test_real_learners_under_a_model_take_as_long_as_virtual_ones():
    config = Config(learners=2, seed=5, durations="gamma:3", speeds="1,0.5", slow="1:3", gradient_time=2.0)
    virtual, real = durations(config, None), slowing(config)
    for k in (1, 2):
        assert real.gradients(k, 4, 2, took_s=0.0) == virtual.gradients(k, 4, 2)
        assert real.full_pass(k, 3, took_s=0.0) == virtual.full_pass(k, 3)
