"""Virtual time, worked out by hand."""

import math

import numpy as np
import pytest

from gsgm_mpi.durations import Measured, Recorded
from gsgm_mpi.engines.clock import Happening, Kind
from gsgm_mpi.engines.conductor import HandOut
from gsgm_mpi.engines.traffic import Traffic
from gsgm_mpi.engines.virtual_clock import VirtualClock
from gsgm_mpi.network import Link, parse_outages

D = 2
W = np.zeros(D, np.float32)
INSTANT = Link()


class Fixed:
    """Each learner always takes as long for a gradient, and so do ways."""

    def __init__(self, *seconds, way_s=0.0, phases=()):
        self._seconds = seconds
        self._way_s = way_s
        self._phases = phases

    def gradients(self, k, step, n):
        return self._seconds[k - 1] * n

    def way(self, k, step):
        return self._way_s

    def full_pass(self, k, batches):
        return self._seconds[k - 1] * batches

    def phase(self, loop):
        return self._phases[loop] if self._phases else None


class Bench:
    """A clock, with hand-outs that count themselves."""

    def __init__(self, *seconds, link=INSTANT, outages="", batches=None, **more):
        self.made = lambda: VirtualClock(
            Fixed(*seconds, **more), link, parse_outages(outages), Traffic(D), batches or (1,) * len(seconds)
        )
        self.clock = self.made()
        self.count = 0
        self.steps = dict.fromkeys(range(1, len(seconds) + 1), 0)

    def give(self, *learners, n=1, fresh=True):
        """Returns when each message will come."""
        return [self._one(k, n, fresh) for k in learners]

    def _one(self, k, n, fresh):
        self.count += 1
        self.steps[k] += n
        return self.clock.hand_out(HandOut(k, self.steps[k] - n, n, 0.1, W, fresh, self.count - 1))

    def next(self, count=1):
        """Who did what when, and when the server turned to it."""
        found = [self.clock.next() for _ in range(count)]
        return [(h.kind.name, h.k, h.arrival_s, h.now_s) for h in found]

    def again(self):
        """Goes on in another clock, from the state of this one."""
        state = {name: np.array(x) for name, x in self.clock.state().items()}
        self.clock = self.made()
        self.clock.restore(state)


@pytest.fixture(params=["as it is", "restored"])
def between(request):
    """What is done between two calls: nothing, or a state is saved and taken up by another clock."""
    return Bench.again if request.param == "restored" else lambda bench: None


def test_messages_come_in_the_order_of_their_arrival_whatever_the_order_of_the_hand_outs(between):
    bench = Bench(3.0, 1.0, 2.0)
    assert bench.give(1, 2, 3) == [3.0, 1.0, 2.0]
    between(bench)
    assert bench.next() == [("MESSAGE", 2, 1.0, 1.0)]
    assert bench.give(2) == [2.0]
    between(bench)
    # Learner 2's second was handed out after learner 3's first: both come at 2.
    assert bench.next(3) == [("MESSAGE", 3, 2.0, 2.0), ("MESSAGE", 2, 2.0, 2.0), ("MESSAGE", 1, 3.0, 3.0)]


def test_ties_go_by_the_number_of_the_hand_out_not_of_the_learner(between):
    bench = Bench(1.0, 1.0, 1.0)
    bench.give(3, 1, 2)
    between(bench)
    assert [k for _, k, _, _ in bench.next(3)] == [3, 1, 2]


def test_several_hand_outs_of_a_learner_are_worked_off_one_after_the_other(between):
    bench = Bench(2.0)
    assert bench.give(1, 1) == [2.0, 4.0]
    between(bench)
    assert bench.next() == [("MESSAGE", 1, 2.0, 2.0)]
    assert bench.give(1, n=3) == [10.0]
    between(bench)
    assert bench.clock.next() == Happening(Kind.MESSAGE, 1, 2.0, 0.0, 4.0, now_s=4.0)
    assert bench.clock.next() == Happening(Kind.MESSAGE, 1, 6.0, 0.0, 10.0, now_s=10.0)


def test_a_learner_waits_from_its_last_gradient_to_its_next_weights(between):
    bench = Bench(1.0, 4.0, link=Link(latency_s=0.5))
    assert bench.give(1, 2) == [2.0, 5.0]
    between(bench)
    # Its weights came at 0.5, and it had had nothing to do since 0.
    assert bench.clock.next() == Happening(Kind.MESSAGE, 1, 1.0, 0.5, 2.0, now_s=2.0)
    bench.next()
    assert bench.give(1) == [7.0]
    between(bench)
    # Done at 1.5; handed out at 5; begins at 5.5.
    assert bench.clock.next() == Happening(Kind.MESSAGE, 1, 1.0, 4.0, 7.0, now_s=7.0)


def test_vectors_take_their_time_and_weights_that_a_learner_has_take_none():
    # 8 bytes at 16 a second: half a second either way, on top of a quarter.
    bench = Bench(1.0, link=Link(latency_s=0.25, bandwidth=16.0))
    assert bench.give(1) == [0.75 + 1 + 0.75]
    bench.next()
    assert bench.give(1, fresh=False) == [2.5 + 0.25 + 1 + 0.75]


def test_a_recorded_way_comes_on_top_of_the_link_and_the_learner_works_on_meanwhile(between):
    bench = Bench(1.0, link=Link(latency_s=0.25), way_s=4.0)
    assert bench.give(1, 1) == [5.5, 6.5]
    between(bench)
    assert bench.clock.next() == Happening(Kind.MESSAGE, 1, 1.0, 0.25, 5.5, now_s=5.5)
    assert bench.clock.next() == Happening(Kind.MESSAGE, 1, 1.0, 0.0, 6.5, now_s=6.5)


def test_the_server_works_off_one_message_after_the_other(between):
    bench = Bench(1.0, 1.0, 1.5, 5.0, link=Link(server_s=1.0))
    bench.give(1, 2, 3, 4)
    assert bench.next() == [("MESSAGE", 1, 1.0, 2.0)]
    # Handed out when the server is done with the message, not when that came.
    assert bench.give(1) == [3.0]
    between(bench)
    assert bench.next(2) == [("MESSAGE", 2, 1.0, 3.0), ("MESSAGE", 3, 1.5, 4.0)]
    between(bench)
    assert bench.next(2) == [("MESSAGE", 1, 3.0, 5.0), ("MESSAGE", 4, 5.0, 6.0)]


def test_an_outage_loses_what_is_on_its_way_and_the_learner_begins_anew(between):
    bench = Bench(2.0, 5.0, outages="1:3-4.5")
    bench.give(1, 1, 2)
    assert bench.next() == [("MESSAGE", 1, 2.0, 2.0)]
    between(bench)
    assert bench.next() == [("LEAVE", 1, 3.0, 3.0)]
    between(bench)
    assert bench.next() == [("JOIN", 1, 4.5, 4.5)]
    between(bench)
    assert bench.give(1) == [6.5]
    between(bench)
    assert bench.next(2) == [("MESSAGE", 2, 5.0, 5.0), ("MESSAGE", 1, 6.5, 6.5)]


def test_a_message_that_left_before_the_outage_but_comes_in_it_is_lost():
    bench = Bench(1.0, 9.0, link=Link(latency_s=1.0), outages="1:2.5-3")
    assert bench.give(1, 2) == [3.0, 11.0]
    assert [kind for kind, _, _, _ in bench.next(3)] == ["LEAVE", "JOIN", "MESSAGE"]


def test_a_message_at_the_very_moment_of_a_departure_is_lost_and_at_that_of_a_return_comes_after_it():
    bench = Bench(2.0, 2.0, 3.0, outages="1:2-3")
    bench.give(1, 2, 3)
    assert bench.next(4) == [
        ("LEAVE", 1, 2.0, 2.0),
        ("MESSAGE", 2, 2.0, 2.0),
        ("JOIN", 1, 3.0, 3.0),
        ("MESSAGE", 3, 3.0, 3.0),
    ]


def test_at_one_moment_departures_come_before_returns_and_lower_numbers_first():
    bench = Bench(9.0, 9.0, 9.0, outages="1:1-2,3:2-3,2:2-4")
    bench.give(1, 2, 3)
    events = [(kind, k) for kind, k, _, _ in bench.next(4)]
    assert events == [("LEAVE", 1), ("LEAVE", 2), ("LEAVE", 3), ("JOIN", 1)]


def test_an_outage_at_the_very_beginning_or_before_the_first_gradient_has_come(between):
    bench = Bench(2.0, 2.0, outages="1:0-1,2:0.5-0.75")
    bench.give(1, 2)
    between(bench)
    assert bench.next() == [("LEAVE", 1, 0.0, 0.0)]
    assert bench.next() == [("LEAVE", 2, 0.5, 0.5)]
    between(bench)
    assert bench.next() == [("JOIN", 2, 0.75, 0.75)]
    assert bench.give(2) == [2.75]
    between(bench)
    assert bench.next() == [("JOIN", 1, 1.0, 1.0)]
    assert bench.give(1) == [3.0]
    assert bench.next(2) == [("MESSAGE", 2, 2.75, 2.75), ("MESSAGE", 1, 3.0, 3.0)]


def test_who_leaves_while_the_server_is_busy_is_heard_of_when_it_is_free():
    bench = Bench(1.0, 9.0, link=Link(server_s=2.0), outages="1:2-2.5")
    bench.give(1, 2)
    assert bench.next() == [("MESSAGE", 1, 1.0, 3.0)]
    assert bench.give(1) == [4.0]
    # It had left when it was handed work: that is lost; the server's own time is that of messages only.
    assert bench.next(2) == [("LEAVE", 1, 2.0, 3.0), ("JOIN", 1, 2.5, 3.0)]
    assert bench.give(1) == [4.0]


def test_the_full_gradient_takes_as_long_as_the_slowest_and_the_way_there_and_back(between):
    # 8 bytes down, 32 up, at 16 a second: 0.5 and 2 seconds, and 0.25 each.
    bench = Bench(1.0, 2.0, link=Link(latency_s=0.25, bandwidth=16.0, server_s=7.0), batches=(5, 3))
    took = 0.75 + 6.0 + 2.25
    assert bench.clock.full_gradient() == Happening(Kind.FULL_GRADIENT, 0, took, 0.0, took, now_s=took)
    between(bench)
    assert bench.give(1) == [took + 0.75 + 1.0 + 0.75]
    assert bench.clock.next().wait_s == 0.75, "nobody is idle during the phase"


def test_who_leaves_in_the_full_gradient_begins_it_again_and_has_returned_when_it_is_over(between):
    bench = Bench(1.0, 1.0, outages="1:2-5,1:20-21", batches=(4, 4))
    assert bench.clock.full_gradient().now_s == 9.0
    between(bench)
    bench.give(2)
    assert bench.next() == [("MESSAGE", 2, 10.0, 10.0)], "of the outage in the phase nothing is heard"
    bench.give(1, n=30)
    between(bench)
    assert bench.next(2) == [("LEAVE", 1, 20.0, 20.0), ("JOIN", 1, 21.0, 21.0)]


def test_who_is_away_when_the_full_gradient_begins_is_waited_for(between):
    bench = Bench(1.0, 1.0, outages="2:0.5-6", batches=(2, 2))
    bench.give(1, 2)
    assert bench.next(2) == [("LEAVE", 2, 0.5, 0.5), ("MESSAGE", 1, 1.0, 1.0)]
    between(bench)
    assert bench.clock.full_gradient() == Happening(Kind.FULL_GRADIENT, 0, 7.0, 0.0, 8.0, now_s=8.0)
    between(bench)
    assert bench.give(2) == [9.0]
    assert bench.next() == [("MESSAGE", 2, 9.0, 9.0)]


def test_two_outages_in_one_full_gradient_make_a_learner_begin_twice_again():
    bench = Bench(1.0, outages="1:1-2,1:3-4", batches=(3,))
    assert bench.clock.full_gradient().now_s == 7.0
    # Between 2 and 5 there is time.
    other = Bench(1.0, outages="1:1-2,1:5-6", batches=(3,))
    assert other.clock.full_gradient().now_s == 5.0
    other.give(1)
    assert other.next(2) == [("LEAVE", 1, 5.0, 5.0), ("JOIN", 1, 6.0, 6.0)]


def test_who_has_done_its_part_and_left_before_the_others_is_heard_of_when_they_are_done(between):
    bench = Bench(1.0, 5.0, outages="1:2-7", batches=(2, 1))
    assert bench.clock.full_gradient().now_s == 5.0
    bench.give(1, 2)
    between(bench)
    assert bench.next(3) == [("LEAVE", 1, 2.0, 5.0), ("JOIN", 1, 7.0, 7.0), ("MESSAGE", 2, 10.0, 10.0)]


def test_who_has_done_its_part_left_and_returned_before_the_others_was_never_away():
    bench = Bench(1.0, 5.0, outages="1:2-5", batches=(2, 1))
    assert bench.clock.full_gradient().now_s == 5.0
    bench.give(1, 2)
    assert bench.next(2) == [("MESSAGE", 1, 6.0, 6.0), ("MESSAGE", 2, 10.0, 10.0)]


def test_phases_that_were_recorded_take_their_time_whatever_the_link(between):
    bench = Bench(1.0, 1.0, link=Link(latency_s=0.5), outages="2:4-5", phases=(2.0, 3.0))
    assert bench.clock.full_gradient() == Happening(Kind.FULL_GRADIENT, 0, 2.0, 0.0, 2.0, now_s=2.0)
    between(bench)
    assert bench.clock.full_gradient() == Happening(Kind.FULL_GRADIENT, 0, 6.0, 0.0, 8.0, now_s=8.0)


def test_a_state_is_arrays_and_numbers_and_a_copy():
    bench = Bench(2.0, 3.0, outages="2:10-11")
    bench.give(1, 2)
    state = bench.clock.state()
    assert state["now_s"] == 0.0
    assert state["arrivals"].tolist() == [[2.0, 0.0, 1.0, 2.0, 0.0], [3.0, 1.0, 2.0, 3.0, 0.0]]
    assert state["busy_until_s"].tolist() == [2.0, 3.0]
    assert state["absences"].tolist() == [[10.0, float(Kind.LEAVE), 2.0], [11.0, float(Kind.JOIN), 2.0]]
    bench.next(4)
    assert len(state["arrivals"]) == len(state["absences"]) == 2


def test_what_comes_out_of_a_state_is_of_the_types_that_went_in():
    bench = Bench(2.0, 3.0, outages="2:10-11")
    bench.give(1, 2)
    bench.again()
    for happening in (bench.clock.next() for _ in range(4)):
        assert [type(x) for x in happening] == [Kind, int, float, float, float, float]


def test_an_empty_state_can_be_taken_up():
    bench = Bench(1.0)
    bench.again()
    assert bench.give(1) == [1.0]
    assert not math.isnan(bench.clock.next().now_s)


def test_a_learner_s_later_message_does_not_overtake_its_earlier_one():
    measured = Measured({1: [1.0, 2.0]}, {1: [5.0, 0.0]}, ())
    clock = VirtualClock(Recorded(measured, [1.0]), Link(), (), Traffic(2), (2,))
    for step in (0, 1):
        clock.hand_out(HandOut(1, step, 1, 0.1, np.zeros(2, np.float32), True, step))
    first, second = clock.next(), clock.next()
    assert [first.seconds, second.seconds] == [1.0, 2.0]
    assert first.arrival_s <= second.arrival_s
