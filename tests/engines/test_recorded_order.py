"""A recorded order, event by event."""

import numpy as np
import pytest

from gsgm_mpi.engines.clock import Happening, ImpossibleOrderError, Kind
from gsgm_mpi.engines.conductor import HandOut
from gsgm_mpi.engines.recorded_order import Event, RecordedOrder

W = np.zeros(2, np.float32)


def hand_out(k, number=0):
    return HandOut(k, 0, 1, 0.1, W, True, number)


def message(k, arrival_s, step=0):
    return Event(Kind.MESSAGE, k, step, 0.5, 0.25, arrival_s, 7)


TRACE = [
    Event(Kind.FULL_GRADIENT, 0, 0, 3.0, 0.0, 3.0, 9),
    message(2, 4.0),
    message(1, 4.5),
    Event(Kind.LEAVE, 2, 0, 0.0, 0.0, 4.75, 0),
    message(1, 6.0, step=1),
    Event(Kind.JOIN, 2, 0, 0.0, 0.0, 6.5, 0),
    message(2, 7.0, step=1),
]


def test_events_come_back_as_they_were_with_the_server_s_own_time_of_messages():
    order = RecordedOrder(TRACE, server_s=1.0)
    assert order.full_gradient() == Happening(Kind.FULL_GRADIENT, 0, 3.0, 0.0, 3.0, now_s=3.0)
    found = [order.next() for _ in TRACE[1:]]
    assert [(h.kind, h.k, h.seconds, h.wait_s, h.arrival_s) for h in found] == [
        (e.event, e.learner, e.seconds, e.wait_s, e.arrival_s) for e in TRACE[1:]
    ]
    assert all(type(h.kind) is Kind for h in found)
    assert [h.now_s for h in found] == [5.0, 6.0, 6.0, 7.0, 7.0, 8.0]
    assert order.next() is None
    assert order.full_gradient() is None


def test_without_a_time_of_the_server_now_is_when_it_came():
    order = RecordedOrder(TRACE)
    order.full_gradient()
    assert [order.next().now_s for _ in TRACE[1:]] == [e.arrival_s for e in TRACE[1:]]


def test_a_phase_in_the_midst_of_a_loop_and_a_loop_without_its_phase_are_impossible():
    order = RecordedOrder(TRACE)
    with pytest.raises(ImpossibleOrderError, match="a full gradient in the midst of a loop"):
        order.next()
    order.full_gradient()
    with pytest.raises(ImpossibleOrderError, match="no full gradient, where one is due"):
        order.full_gradient()
    assert order.next().k == 2


def test_where_the_run_was_stopped_it_ends():
    order = RecordedOrder([message(1, 1.0), Event(Kind.STOP, 0, 0, 0.0, 0.0, 1.5, 0)])
    assert order.next().k == 1
    assert order.next() is None
    assert order.next() is None
    assert order.full_gradient() is None


def test_results_are_wanted_in_the_order_of_the_record_and_what_nothing_came_of_last():
    order = RecordedOrder(TRACE)
    assert order.hand_out(hand_out(1)) == 2
    assert order.hand_out(hand_out(2)) == 1
    assert order.hand_out(hand_out(1)) == 4
    assert order.hand_out(hand_out(2)) == 6
    assert order.hand_out(hand_out(1)) == float("inf")
    assert order.hand_out(hand_out(3)) == float("inf")
