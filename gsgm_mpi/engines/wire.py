"""What travels between the server and the learners: tags and layouts.

Server to learner: a small header on ``ORDER``, and for fresh work the weights, flat float32 of shape (d,), on
``WEIGHTS``. Learner to server: one buffer on ``MESSAGE``: a float64 header, then the message, flat float32 of shape
(d,). Learners that average among themselves send the header alone, on ``REPORT``, and the first of them now and then
the mean of all weights, on ``MEAN``. Ranks that compute for any learner are dealt ``TASK`` and answer with ``RESULT``;
what a rule remembers travels on ``MEMORY``, in either direction: all three as gsgm_mpi/engines/packing.py has it.
Header fields are float64 because integers up to 2^53 are exact in it.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from gsgm_mpi.learners import Vector


class Tag(IntEnum):
    """MPI tags, each with one direction and one layout."""

    ORDER = 1
    WEIGHTS = 2
    MESSAGE = 3
    FAILURE = 4
    REPORT = 5
    MEAN = 6
    TASK = 7
    RESULT = 8
    MEMORY = 9


class Order(IntEnum):
    """First field of an order: what the learner is to do."""

    STOP = 0
    WORK = 1  #: n gradients at new weights, which follow
    AGAIN = 2  #: n gradients at the weights it has
    FULL_GRADIENT = 3  #: take part in the collective phase
    REMEMBER = 4  #: say what the rule remembers
    RECALL = 5  #: take up what the rule is to remember, and weights, which follow


#: An order: kind, step, n, lr.
ORDER_FIELDS = 4


class Header:
    """What a learner says of its work, laid over a buffer of bytes.

    Args:
        steps: most gradients in a message.
        buffer: at least :meth:`size` bytes; None: one of its own.
    """

    _FIXED = 4  # n, compute_s, wait_s, fingerprint

    def __init__(self, steps: int, buffer: NDArray[np.uint8] | None = None) -> None:
        self.buffer = np.zeros(self.size(steps), dtype=np.uint8) if buffer is None else buffer
        self._fields = self.buffer[: self.size(steps)].view(np.float64)
        self._fingerprint = self._fields[3:4].view(np.uint64)
        self._steps = steps

    @classmethod
    def size(cls, steps: int) -> int:
        """Bytes."""
        return 8 * (cls._FIXED + 2 * steps)

    def fill(
        self, vector: Vector, losses: list[float], grad_norms: list[float], compute_s: float, wait_s: float
    ) -> None:
        """Fills the fields; no losses: the learner's last word."""
        n = len(losses)
        self._fields[:3] = n, compute_s, wait_s
        self._fingerprint[0] = fingerprint(vector)
        self._fields[self._FIXED : self._FIXED + n] = losses
        self._fields[self._FIXED + self._steps : self._FIXED + self._steps + n] = grad_norms

    @property
    def losses(self) -> tuple[float, ...]:
        """Loss of each gradient."""
        return tuple(self._fields[self._FIXED :][: int(self._fields[0])].tolist())

    @property
    def grad_norms(self) -> tuple[float, ...]:
        """Euclidean norm of each gradient."""
        return tuple(self._fields[self._FIXED + self._steps :][: int(self._fields[0])].tolist())

    @property
    def compute_s(self) -> float:
        """Seconds the learner computed."""
        return float(self._fields[1])

    @property
    def wait_s(self) -> float:
        """Seconds the learner waited for this work."""
        return float(self._fields[2])

    @property
    def fingerprint(self) -> int:
        """Of the vector, as the learner saw it."""
        return int(self._fingerprint[0])


class Message(Header):
    """A learner's message: header and vector in one buffer.

    Args:
        d: length of the vector.
        steps: most gradients in a message.
    """

    def __init__(self, d: int, steps: int) -> None:
        super().__init__(steps, np.zeros(self.size(steps) + 4 * d, dtype=np.uint8))
        #: The message proper, float32, shape (d,).
        self.vector: Vector = self.buffer[self.size(steps) :].view(np.float32)

    def pack(
        self, vector: Vector, losses: list[float], grad_norms: list[float], compute_s: float, wait_s: float
    ) -> None:
        """Fills the buffer."""
        self.vector[:] = vector
        self.fill(vector, losses, grad_norms, compute_s, wait_s)


def fingerprint(vector: Vector) -> int:
    """Sum of the vector's 32-bit words modulo 2^64: equal vectors have equal fingerprints."""
    return int(np.sum(vector.view(np.uint32), dtype=np.uint64))
