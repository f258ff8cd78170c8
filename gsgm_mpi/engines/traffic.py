"""How many bytes of vectors travel for a hand-out and its message. Pure."""

from __future__ import annotations

from gsgm_mpi.engines.conductor import HandOut
from gsgm_mpi.methods.averaging import Schedule


class Traffic:
    """Between the server and a learner; or, where learners average among themselves, of a learner's averages.

    Args:
        d: length of the weights.
        schedule: who averages with whom, where learners do so among themselves.
        steps: gradients of a round, then.
    """

    def __init__(self, d: int, schedule: Schedule | None = None, steps: int = 1) -> None:
        self._d = d
        self._schedule = schedule
        self._steps = steps

    def down(self, hand_out: HandOut) -> int:
        """With a hand-out: the weights, float32."""
        return 4 * self._d if hand_out.fresh and self._schedule is None else 0

    def up(self, k: int, step: int) -> int:
        """With the message of a hand-out that began at the learner's step ``step``.

        A vector, float32; or what an average costs: 64-bit integers, up and down.
        """
        if self._schedule is None:
            return 4 * self._d
        together = self._schedule.groups[self._schedule.group_of(k)]
        if self._schedule.is_global(step // self._steps + 1):
            together = tuple(k for group in self._schedule.groups for k in group)
        return (8 + 8) * self._d if len(together) > 1 else 0

    def full_gradient(self) -> tuple[int, int]:
        """For each learner, down and up again: the snapshot in float32; the full gradient as 64-bit integers."""
        return 4 * self._d, (8 + 8) * self._d
