"""Hand-outs, budgets, rows and epochs, with small methods made for the purpose."""

import numpy as np
import pytest

from gsgm_mpi.engines.conductor import Conductor, Report
from gsgm_mpi.methods import Drop, Method, Reply, Use
from gsgm_mpi.methods.gsgm import Gsgm
from gsgm_mpi.plan import Plan
from tests.simulate import Record, simulate


class Immediate(Method):
    """Uses every gradient at once.

    ``drop``: learners whose gradients are discarded; ``again``: not refreshed; ``silent``: not answered.
    """

    name = "immediate"
    paper = ""
    drop: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    silent: tuple[int, ...] = ()

    def start(self):
        for k in self.learners:
            yield Reply(k)

    def on_gradient(self, k, g, about=None):
        if k in self.drop:
            yield Drop(k)
        else:
            yield Use(k)
            self.w -= self.lr * g
            self.version += 1
        if k not in self.silent:
            yield Reply(k, fresh=k not in self.again)

    def on_leave(self, k):
        yield from ()

    def on_join(self, k):
        yield Reply(k)

    def state(self):
        return {}

    def restore(self, state):
        pass


def assemble(method, plan, steps=1):
    record = Record()
    return Conductor(method, plan, lambda _: steps, record), record


def report(n=1, arrival_s=0.0, loss=0.5):
    return Report((loss,) * n, (2.0,) * n, 1.0, arrival_s)


def vector(*x):
    return np.array(x, dtype=np.float32)


def test_rows_say_what_happened():
    method = Immediate(vector(0, 0), [1, 2], lr=1.0)
    conductor, record = assemble(method, Plan(batches=(2, 2), epochs=1, lr=0.5))
    first = list(conductor.begin_loop(0, 0.0))
    assert [(h.k, h.step, h.n, h.lr) for h in first] == [(1, 0, 1, 0.5), (2, 0, 1, 0.5)]
    (reply,) = conductor.message(2, vector(3, 4), report(arrival_s=1.5), 2.0)
    assert (reply.k, reply.step) == (2, 1)
    np.testing.assert_array_equal(reply.weights, [-1.5, -2.0])
    list(conductor.message(1, vector(0, 0), report(), 3.0))
    one, two = record.rows
    assert (one.update, one.learner, one.step, one.version, one.staleness, one.gap) == (1, 2, 0, 0, 0, 0.0)
    assert (one.queued_s, one.arrival_s, one.compute_s, one.lr, one.applied) == (0.5, 1.5, 1.0, 0.5, True)
    # Learner 1's weights are one version old: gap = |(-1.5, -2)| / sqrt(2).
    assert (two.version, two.staleness) == (1, 1)
    assert two.gap == pytest.approx(2.5 / np.sqrt(2))


def test_the_budget_counts_gradients_handed_out():
    method = Immediate(vector(0), [1, 2, 3], lr=1.0)
    conductor, record = simulate(
        method, Plan(batches=(2, 1, 2), epochs=1, lr=1.0), lambda w, k, i: vector(1), lambda ready: ready[0]
    )
    assert conductor.update == 5
    assert [row.learner for row in record.rows] == [1, 1, 1, 2, 3]


def test_dropped_gradients_count_too():
    method = Immediate(vector(0), [1, 2], lr=1.0)
    method.drop = (2,)
    _, record = simulate(
        method, Plan(batches=(2, 2), epochs=1, lr=1.0), lambda w, k, i: vector(1), lambda ready: ready[-1]
    )
    assert [(row.learner, row.applied) for row in record.rows] == [(2, False)] * 3 + [(1, True)]
    assert method.w == -1


def test_not_fresh_means_the_weights_it_has():
    method = Immediate(vector(0), [1], lr=1.0)
    method.again = (1,)
    seen = []

    def gradient(w, k, i):
        seen.append((i, float(w[0])))
        return vector(1)

    _, record = simulate(method, Plan(batches=(3,), epochs=1, lr=1.0), gradient, lambda ready: ready[0])
    assert seen == [(0, 0.0), (1, 0.0), (2, 0.0)]
    assert [row.staleness for row in record.rows] == [0, 1, 2]


def test_a_message_of_several_gradients_writes_a_row_for_each():
    method = Immediate(vector(0), [1], lr=1.0)
    conductor, record = assemble(method, Plan(batches=(5,), epochs=1, lr=1.0), steps=3)
    (first,) = conductor.begin_loop(0, 0.0)
    assert (first.step, first.n) == (0, 3)
    (second,) = conductor.message(1, vector(1), report(3), 1.0)
    assert (second.step, second.n) == (3, 2)
    assert list(conductor.message(1, vector(1), report(2), 2.0)) == []
    assert conductor.loop_done
    assert [(row.update, row.step) for row in record.rows] == [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)]
    assert [(epoch, update) for epoch, update, _ in record.epochs] == [(1, 5)]


def test_epochs_are_reported_with_the_weights_after_their_last_update():
    method = Immediate(vector(0), [1, 2], lr=1.0)
    _, record = simulate(
        method, Plan(batches=(1, 1), epochs=3, lr=1.0), lambda w, k, i: vector(1), lambda ready: ready[0]
    )
    assert [(epoch, update, float(w[0])) for epoch, update, w in record.epochs] == [(1, 2, -2), (2, 4, -4), (3, 6, -6)]


def test_learners_with_the_same_version_share_one_copy():
    conductor, _ = assemble(Immediate(vector(0), [1, 2, 3], lr=1.0), Plan(batches=(9, 9, 9), epochs=1, lr=1.0))
    sent = [h.weights for h in conductor.begin_loop(0, 0.0)]
    assert sent[0] is sent[1] is sent[2]


def test_a_method_that_withholds_replies_is_named():
    method = Immediate(vector(0), [1], lr=1.0)
    method.silent = (1,)
    conductor, _ = assemble(method, Plan(batches=(3,), epochs=1, lr=1.0))
    list(conductor.begin_loop(0, 0.0))
    with pytest.raises(AssertionError, match="method immediate: nothing is in flight although 2 gradients"):
        list(conductor.message(1, vector(1), report(), 1.0))


def test_a_stop_ends_the_run_when_what_is_in_flight_has_come():
    method = Gsgm(vector(0), [1, 2], lr=1.0)
    conductor, record = simulate(
        method,
        Plan(batches=(50, 50), epochs=1, lr=0.1),
        lambda w, k, i: vector(1),
        lambda ready: ready[0],
        stop_after=7,
    )
    assert conductor.loop_done
    assert len(record.rows) <= 9
    assert conductor.in_flight == 0


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_ends_the_run(loss):
    method = Immediate(vector(0), [1], lr=1.0)
    conductor, _ = assemble(method, Plan(batches=(9,), epochs=1, lr=1.0))
    list(conductor.begin_loop(0, 0.0))
    assert list(conductor.message(1, vector(1), report(loss=loss), 1.0)) == []
    assert conductor.diverged
    assert conductor.loop_done
