"""Links and outages, and every mistake in one line."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsgm_mpi.errors import UserError
from gsgm_mpi.network import Link, Outage, parse_outages


def mistake(text, learners=None):
    with pytest.raises(UserError) as caught:
        parse_outages(text, learners)
    found = str(caught.value)
    assert "\n" not in found
    return found


def test_a_vector_takes_the_latency_and_its_bytes_over_the_bandwidth():
    assert Link().seconds(10**9) == 0.0
    assert Link(latency_s=0.5).seconds(10**9) == 0.5
    assert Link(latency_s=0.5, bandwidth=100.0).seconds(50) == 1.0
    assert Link(bandwidth=100.0).seconds(0) == 0.0


def test_the_server_s_own_time_is_no_part_of_the_way():
    assert Link(server_s=5.0).seconds(10) == 0.0


def test_outages_come_in_the_order_of_their_beginnings():
    assert parse_outages("3:40-50,3:10-20, 1:10-10.5,2:0-1e2") == (
        Outage(2, 0.0, 100.0),
        Outage(1, 10.0, 10.5),
        Outage(3, 10.0, 20.0),
        Outage(3, 40.0, 50.0),
    )
    assert parse_outages("") == ()
    assert parse_outages("12:0.5-1,") == (Outage(12, 0.5, 1.0),)


@pytest.mark.parametrize(
    "text",
    [
        "3",
        "3:",
        "3:10",
        "3:10-",
        "3:-20",
        "3:20-10",
        "3:10-10",
        "0:1-2",
        "x:1-2",
        "3:a-b",
        "3:1-inf",
        "3:nan-2",
        "3:-1-2",
        "3:1-1e999",
        "3:1-2;4:1-2",
        "3:1-2-3",
        "3:.-1",
        "1.5:1-2",
        "3:1e-2",
    ],
)
def test_outages_that_are_none_are_one_line(text):
    expected = f"--outages must be LEARNER:FROM-TO,... in seconds, FROM < TO, not {text!r}; e.g. 3:10-20"
    assert mistake(text) == mistake(f"1:0-1,{text}").replace(f"1:0-1,{text}", text) == expected


@pytest.mark.parametrize(
    "text", ["3:10-20,3:20-30", "3:10-20,3:15-16", "3:15-16,3:10-20", "3:1-2,3:1-2", "3:0-9,3:0-1"]
)
def test_outages_of_a_learner_must_leave_time_between_them(text):
    expected = f"--outages must leave time between two of learner 3; {text!r} does not: join them to one"
    assert mistake(text) == expected


def test_outages_of_different_learners_may_meet():
    assert len(parse_outages("1:10-20,2:10-20,3:20-30,1:20.5-21", 3)) == 4


def test_who_is_away_must_exist_where_the_number_of_learners_is_known():
    assert parse_outages("5:1-2") == parse_outages("5:1-2", 5)
    assert mistake("5:1-2", 4) == "--outages names learner 5, but there are 4; e.g. --outages 4:10-20"


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 50), st.integers(1, 9)), max_size=8))
def test_what_is_taken_is_in_order_and_apart(each):
    text = ",".join(f"{k}:{begin / 2}-{(begin + length) / 2}" for k, begin, length in each)
    try:
        found = parse_outages(text, 5)
    except UserError:
        found = None
    spans = sorted((k, begin, begin + length) for k, begin, length in each)
    apart = all(a != b or end < begin for (a, _, end), (b, begin, _) in itertools.pairwise(spans))
    assert (found is not None) == apart
    if found is not None:
        assert list(found) == sorted(found, key=lambda outage: (outage.begin_s, outage.k))
        assert sorted((o.k, 2 * o.begin_s, 2 * o.end_s) for o in found) == spans
        assert all(math.isfinite(o.end_s) for o in found)
