"""Bytes of vectors."""

import numpy as np
import pytest

from gsgm_mpi.engines.conductor import HandOut
from gsgm_mpi.engines.traffic import Traffic
from gsgm_mpi.methods.averaging import Schedule

W = np.zeros(5, np.float32)


def hand_out(*, fresh):
    return HandOut(1, 0, 1, 0.1, W, fresh, 0)


def test_through_the_server_weights_go_down_where_they_are_new_and_a_vector_comes_up():
    traffic = Traffic(5)
    assert (traffic.down(hand_out(fresh=True)), traffic.down(hand_out(fresh=False))) == (20, 0)
    assert traffic.up(1, 0) == 20


def test_of_the_full_gradient_the_snapshot_goes_down_and_whole_numbers_of_64_bits_go_up_and_down():
    assert Traffic(5).full_gradient() == (20, 80)


@pytest.mark.parametrize(("step", "expected"), [(0, 80), (2, 80), (4, 80), (6, 80)])
def test_among_learners_an_average_costs_whole_numbers_of_64_bits_up_and_down(step, expected):
    traffic = Traffic(5, Schedule(((1, 2), (3, 4)), 2), steps=2)
    assert traffic.down(hand_out(fresh=True)) == 0
    assert traffic.up(3, step) == expected


def test_a_group_of_one_averages_with_nobody_until_all_do():
    traffic = Traffic(5, Schedule(((1,), (2,)), 3), steps=2)
    # Rounds 1, 2, 3 of two steps each: the third is everyone's.
    assert [traffic.up(2, step) for step in (0, 2, 4, 6, 8, 10)] == [0, 0, 80, 0, 0, 80]


def test_a_learner_alone_sends_nothing():
    assert Traffic(5, Schedule(((1,),), 1)).up(1, 0) == 0
