"""A tiny event simulation that drives a method through the real conductor: no MPI, no torch, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gsgm_mpi.engines.conductor import Conductor, HandOut, Report, UpdateRow
from gsgm_mpi.learners import Plain, Rule
from gsgm_mpi.plan import Plan


@dataclass
class Record:
    """What the conductor reported, and the weights after each epoch."""

    rows: list[UpdateRow] = field(default_factory=list)
    epochs: list[tuple[int, int, np.ndarray]] = field(default_factory=list)

    def on_update(self, row):
        self.rows.append(row)

    def on_epoch(self, epoch, update, w):
        self.epochs.append((epoch, update, w.copy()))


def simulate(
    method,
    plan: Plan,
    gradient: Callable[[np.ndarray, int, int], np.ndarray],
    order: Callable[[list[int]], int],
    *,
    rule: Callable[[], Rule] = Plain,
    seconds: Callable[[int], float] = lambda k: 1.0,
    stop_after: int | None = None,
    before_loop: Callable[[np.ndarray], None] = lambda w: None,
) -> tuple[Conductor, Record]:
    """Runs the whole plan; ``order`` picks whose message arrives next among the learners at work.

    ``rule`` makes one learner's side, ``seconds`` says how long a learner takes for a message. ``before_loop`` is given
    w before each loop: SVRG's full-gradient phase.
    """
    record = Record()
    rules = {k: rule() for k in method.learners}
    conductor = Conductor(method, plan, lambda k: rules[k].steps(plan.batches[k - 1]), record)
    at_work: dict[int, deque[tuple[HandOut, np.ndarray]]] = {k: deque() for k in method.learners}
    latest: dict[int, np.ndarray] = {}
    arrivals = 0
    stopped = False

    def receive(hand_outs):
        for hand_out in hand_outs:
            if hand_out.fresh:
                # As the wire does: what the method changes afterwards must not be seen by the learner.
                latest[hand_out.k] = hand_out.weights.copy()
            at_work[hand_out.k].append((hand_out, latest[hand_out.k]))

    def work(hand_out, w):
        norms = []

        def one(x):
            g = gradient(x, hand_out.k, hand_out.step + len(norms)).astype(np.float32)
            norms.append(float(np.linalg.norm(g)))
            return g

        kept = w.copy()
        message = rules[hand_out.k].work(w, one, hand_out.n, hand_out.step, hand_out.lr)
        assert len(norms) == hand_out.n, "a rule computes as many gradients as it was handed"
        assert message.dtype == np.float32
        np.testing.assert_array_equal(w, kept, "a rule must not write to the weights")
        return message.copy(), norms

    for loop in range(plan.loops):
        before_loop(method.w.copy())
        receive(conductor.begin_loop(loop, float(arrivals)))
        while not conductor.loop_done:
            k = order([k for k, queue in at_work.items() if queue])
            message, norms = work(*at_work[k].popleft())
            kept = message.copy()
            arrivals += 1
            report = Report((0.0,) * len(norms), tuple(norms), seconds(k), float(arrivals))
            receive(conductor.message(k, message, report, float(arrivals)))
            np.testing.assert_array_equal(message, kept, "a method must not write to the engine's buffer")
            message.fill(np.nan)  # the engine's buffer is reused: a method that kept it would show NaN
            if arrivals == stop_after:
                conductor.stop()
                stopped = True
        if stopped:
            break
    assert method.w.dtype == np.float32
    return conductor, record
