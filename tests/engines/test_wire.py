"""The layout of messages."""

import numpy as np

from gsgm_mpi.engines.wire import Message, fingerprint


def test_what_is_packed_is_read():
    sent, received = Message(3, 4), Message(3, 4)
    vector = np.array([1, -2, 3.5], dtype=np.float32)
    sent.pack(vector, [0.25, 0.5], [1.0, 2.0], 0.125, 2**-20)
    received.buffer[:] = sent.buffer
    np.testing.assert_array_equal(received.vector, vector)
    assert received.losses == (0.25, 0.5)
    assert received.grad_norms == (1.0, 2.0)
    assert (received.compute_s, received.wait_s) == (0.125, 2**-20)
    assert received.fingerprint == fingerprint(vector)


def test_fingerprints_use_all_64_bits():
    # 2^32 - 1 times 100,000 needs 49 bits; a 32-bit sum would lose it. The word of -nan with all bits set is 2^32 - 1.
    words = np.full(100_000, 2**32 - 1, dtype=np.uint32)
    assert fingerprint(words.view(np.float32)) == 100_000 * (2**32 - 1)
    message = Message(100_000, 1)
    message.pack(words.view(np.float32), [0.0], [0.0], 0.0, 0.0)
    assert message.fingerprint == 100_000 * (2**32 - 1)
