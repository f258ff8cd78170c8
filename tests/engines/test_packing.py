"""Headers and vectors as bytes, and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gsgm_mpi.engines.packing import pack, unpack

vectors = st.integers(0, 5).flatmap(lambda d: arrays.arrays(np.float32, d, elements=st.floats(width=32)))
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5)


@given(
    header=st.dictionaries(st.text(max_size=5), numbers | st.lists(st.floats(allow_nan=False), max_size=3), max_size=4),
    vectors=st.dictionaries(st.text(max_size=5), vectors, max_size=4),
)
def test_all_comes_back_to_the_last_bit(header, vectors):
    buffer = pack(header, vectors)
    assert buffer.dtype == np.uint8
    found, back = unpack(buffer.copy())
    assert found == header
    assert [type(x) for x in found.values()] == [type(x) for x in header.values()]
    assert list(back) == list(vectors)
    for name, vector in vectors.items():
        assert back[name].flags.aligned
        assert (back[name].dtype, back[name].tobytes()) == (np.float32, vector.tobytes())


def test_losses_that_are_not_finite_travel_too():
    found, _ = unpack(pack({"losses": [float("nan"), float("inf"), -float("inf")]}, {}))
    np.testing.assert_array_equal(found["losses"], [np.nan, np.inf, -np.inf])


def test_vectors_that_are_one_object_travel_once_and_are_one_again():
    g, u = np.ones(1000, np.float32), np.ones(1000, np.float32)
    once, twice = pack({}, {"": g, "u": g}), pack({}, {"": g, "u": u})
    assert twice.nbytes - once.nbytes >= g.nbytes - 8
    _, back = unpack(once)
    assert back[""] is back["u"]
    _, back = unpack(twice)
    assert back[""] is not back["u"]


def test_what_is_packed_is_a_copy_and_need_not_lie_in_one_piece():
    x = np.arange(10, dtype=np.float32)
    buffer = pack({}, {"x": x[::2], "y": x})
    x.fill(-1)
    _, back = unpack(buffer)
    assert back["x"].tolist() == [0, 2, 4, 6, 8]
    assert back["y"].tolist() == list(range(10))
