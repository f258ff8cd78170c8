"""Packing attributes into a flat dict and back, by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gsgm_mpi.state import Stateful


class Thing(Stateful):
    """Has the attributes it is given."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


def vector(*x):
    return np.array(x, dtype=np.float32)


def example():
    return Thing(
        count=3,
        rate=0.25,
        on=True,
        w=vector(1, 2),
        present={5, 2},
        queue=[4, 1, 3],
        clock={2: 7, 1: 9},
        pace={1: 0.5, 3: 1.0},
        held={3: vector(1, 1), 1: vector(2, 2)},
        gate=Thing(active={1}, count=8, inner=Thing(x=vector(6))),
    )


def blank():
    """Constructed alike, but nothing has happened yet."""
    return Thing(
        count=0,
        rate=0.0,
        on=False,
        w=vector(0, 0),
        present=set(),
        queue=[],
        clock={1: 0},
        pace={},
        held={},
        gate=Thing(active=set(), count=0, inner=Thing(x=vector(0))),
    )


def test_each_kind_of_attribute_is_packed_in_its_own_form():
    state = example().state()
    assert {key: value for key, value in state.items() if not isinstance(value, np.ndarray)} == {
        "count": 3,
        "rate": 0.25,
        "on": True,
        "gate.count": 8,
    }
    assert {key: value.tolist() for key, value in state.items() if isinstance(value, np.ndarray)} == {
        "w": [1, 2],
        "present": [2, 5],
        "queue": [4, 1, 3],
        "clock.k": [2, 1],
        "clock.x": [7, 9],
        "pace.k": [1, 3],
        "pace.x": [0.5, 1.0],
        "held.k": [3, 1],
        "held.x": [[1, 1], [2, 2]],
        "gate.active": [1],
        "gate.inner.x": [6],
    }


def test_all_come_back_with_their_types_and_orders():
    back = blank()
    back.restore(example().state())
    assert (back.count, back.rate, back.on) == (3, 0.25, True)
    assert [type(x) for x in (back.count, back.rate, back.on)] == [int, float, bool]
    assert back.present == {2, 5}
    assert back.queue == [4, 1, 3]
    assert list(back.clock.items()) == [(2, 7), (1, 9)]
    assert list(back.held) == [3, 1]
    assert all(type(x) is int for x in (*back.present, *back.queue, *back.clock, *back.clock.values()))
    assert back.pace == {1: 0.5, 3: 1.0}
    assert all(type(x) is float for x in back.pace.values())
    assert (back.w.dtype, back.held[1].dtype, back.held[1].shape) == (np.float32, np.float32, (2,))
    np.testing.assert_array_equal(back.held[3], [1, 1])
    assert (back.gate.active, back.gate.count, back.gate.inner.x.tolist()) == ({1}, 8, [6])


def test_what_has_become_empty_comes_back_empty():
    back = example()
    back.restore(blank().state())
    assert (back.present, back.queue, back.clock, back.pace, back.held) == (set(), [], {1: 0}, {}, {})


def test_a_number_from_a_file_becomes_what_it_was():
    """A file gives numpy's numbers, which would promote float32 vectors."""
    back = blank()
    back.restore(example().state() | {"rate": np.float64(0.5), "count": np.int64(4), "on": np.bool_(True)})
    assert [type(x) for x in (back.rate, back.count, back.on)] == [float, int, bool]


def test_a_state_is_a_copy():
    thing = example()
    state = thing.state()
    thing.w += 1
    thing.held[1] += 1
    thing.gate.inner.x += 1
    assert (state["w"].tolist(), state["held.x"].tolist(), state["gate.inner.x"].tolist()) == (
        [1, 2],
        [[1, 1], [2, 2]],
        [6],
    )


def test_what_is_restored_is_a_copy():
    """Two objects may be restored from one state, and each goes its own way."""
    state = example().state()
    one, two = blank(), blank()
    one.restore(state)
    two.restore(state)
    one.w += 1
    one.held[1] += 1
    one.held[3] += 1
    assert two.w.tolist() == state["w"].tolist() == [1, 2]
    assert two.held[1].tolist() == [2, 2]
    assert state["held.x"].tolist() == [[1, 1], [2, 2]]


def test_constants_and_work_space_are_no_part_of_it():
    thing = Thing(name="x", learners=(1, 2), share=None, _scratch_u=vector(1), _scratch=3, w=vector(1))
    assert set(thing.state()) == {"w"}
    other = Thing(name="y", learners=(3,), share=None, _scratch_u=vector(5), _scratch=4, w=vector(2))
    other.restore(thing.state())
    assert (other.name, other.learners, other._scratch) == ("y", (3,), 4)
    assert other._scratch_u == 5


@pytest.mark.parametrize("value", [object(), 1j, np.float32(1), b"bytes", lambda: 0, frozenset({1})])
def test_what_cannot_be_packed_is_refused_by_name(value):
    with pytest.raises(AssertionError, match=rf"Thing\.odd: a state cannot hold a {type(value).__name__}"):
        Thing(odd=value).state()


def test_nested_names_that_begin_alike_are_kept_apart():
    def make(x, y):
        return Thing(a=Thing(n=x), ab=Thing(n=y))

    back = make(0, 0)
    back.restore(make(1, 2).state())
    assert (back.a.n, back.ab.n) == (1, 2)


def test_what_is_missing_is_an_error():
    state = example().state()
    del state["queue"]
    with pytest.raises(KeyError, match="queue"):
        blank().restore(state)


numbers = st.integers(1, 40)
vectors = arrays.arrays(np.float32, 3, elements=st.floats(width=32))


@given(
    present=st.sets(numbers),
    queue=st.lists(numbers),
    clock=st.dictionaries(numbers, st.integers(0, 2**53)),
    pace=st.dictionaries(numbers, st.floats()),
    held=st.dictionaries(numbers, vectors),
    rate=st.floats(),
    count=st.integers(),
)
def test_any_content_round_trips_to_the_last_bit(**content):
    state = Thing(**content).state()
    back = Thing(present={1}, queue=[9], clock={1: 1}, pace={1: 1.0}, held={1: vector(1, 1, 1)}, rate=1.0, count=1)
    back.restore(state)
    again = back.state()
    assert again.keys() == state.keys()
    assert (back.present, back.queue, back.clock) == (content["present"], content["queue"], content["clock"])
    for key in state:
        assert np.asarray(again[key]).tobytes() == np.asarray(state[key]).tobytes(), key
