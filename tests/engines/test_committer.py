"""Whole runs in virtual time, in place, of every method: budgets, cuts, replays, any order of computing."""

from collections import defaultdict, deque
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from gsgm_mpi.engines.clock import Kind
from gsgm_mpi.engines.committer import ImpossibleOrderError
from gsgm_mpi.engines.pool import Pool, Result
from gsgm_mpi.methods import METHODS
from gsgm_mpi.methods.gates import Immediate
from gsgm_mpi.methods.scheduled import Scheduled
from gsgm_mpi.network import Link, Outage
from gsgm_mpi.plan import Plan, make_budget
from tests.methods.drive import CASES, Case, variants
from tests.virtual import Engine, Setting, replayed

every_method = pytest.mark.parametrize("name", METHODS)
some = settings(max_examples=12)

#: Coarse, so that much happens at the same moment; away from 0 as well as at it.
quarters = st.integers(0, 60).map(lambda n: n / 4)


@st.composite
def outages(draw, learners):
    """In order; those of one learner leave time between them."""
    wanted = draw(st.lists(st.tuples(st.integers(1, learners), quarters, st.integers(1, 24)), max_size=5))
    found, until = [], dict.fromkeys(range(1, learners + 1), -1.0)
    for k, begin_s, length in sorted(wanted, key=lambda each: (each[1], each[0])):
        if begin_s > until[k]:
            until[k] = begin_s + length / 4
            found.append(Outage(k, begin_s, until[k]))
    return tuple(found)


@st.composite
def settings_of(draw, cases, learners=st.integers(1, 6)):
    """Any run of one of the cases."""
    case = draw(st.sampled_from(cases))
    batches = draw(learners.flatmap(lambda K: st.lists(st.integers(1, 4), min_size=K, max_size=K)))
    K = len(batches)
    variance_reduced = case.method.variance_reduced and draw(st.booleans())
    return Setting(
        case,
        Plan(
            batches=tuple(batches),
            epochs=draw(st.integers(1, 3)),
            lr=0.05,
            inner_epochs=draw(st.integers(1, 2)) if variance_reduced else None,
            per_learner=not case.method.collective and draw(st.booleans()),
            even=case.method.collective,
        ),
        durations=draw(st.sampled_from(["constant", "lognormal:0.5", "gamma:2", "recorded"])),
        speeds=draw(st.sampled_from(["", "spread:4", "lognormal:0.5"])),
        slow=draw(st.sampled_from(["", f"{K}:3"])),
        link=Link(draw(st.sampled_from([0, 0.25])), draw(st.sampled_from([np.inf, 48])), draw(st.sampled_from([0, 0.5]))),
        outages=draw(outages(K)),
        seed=draw(st.integers(0, 3)),
        variance_reduced=variance_reduced,
    )


def of(name):
    return settings_of(variants(name))


class Shuffled(Pool):
    """Computes before it is asked, whatever can be, in an order of its own."""

    def __init__(self, bench, learners):
        super().__init__(learners)
        self._bench = bench
        self._rng = np.random.default_rng(learners)
        self._queues = {k: deque() for k in self.memories}
        self._done = {k: deque() for k in self.memories}

    def submit(self, hand_out, wanted):
        self._queues[hand_out.k].append(hand_out)
        self._compute(int(self._rng.integers(3)))

    def take(self, k):
        while not self._done[k]:
            self._compute(1)
        result, self.memories[k] = self._done[k].popleft()
        return result

    def lose(self, k):
        self._queues[k].clear()
        self._done[k].clear()

    def begin_outer_loop(self, snapshot):
        assert not any(self._queues.values())
        assert not any(self._done.values())
        return self._bench.begin_outer_loop(snapshot)

    def close(self):
        pass

    def _compute(self, count):
        for _ in range(count):
            ready = [k for k, queue in self._queues.items() if queue]
            if ready:
                k = int(self._rng.choice(ready))
                h = self._queues[k].popleft()
                memory = self._done[k][-1][1] if self._done[k] else self.memories[k]
                done, memory = self._bench.work(k, h.step, h.n, h.lr, h.weights, memory)
                self._done[k].append((Result(h.step, done.vector, tuple(done.losses), tuple(done.grad_norms)), memory))


@every_method
@some
@given(data=st.data())
def test_the_budget_is_spent_to_the_last_gradient_and_no_step_left_out_or_taken_twice(name, data):
    setting = data.draw(of(name))
    engine = Engine(setting)
    engine.run()
    plan, rows = setting.plan, engine.log.rows
    assert not engine.committer.stopped
    assert not engine.committer.diverged
    assert engine.conductor.loop_done
    assert engine.conductor.in_flight == 0
    assert [row.update for row in rows] == list(range(1, plan.updates + 1))
    counts = {}
    for k in engine.method.learners:
        steps = [row.step for row in rows if row.learner == k]
        assert steps == list(range(len(steps)))
        counts[k] = len(steps)
    if plan.per_learner or plan.even:
        budgets = [make_budget(plan, loop) for loop in range(plan.loops)]
        assert counts == {k: sum(budget.left(k) for budget in budgets) for k in counts}
    if not setting.outages and name not in ("ringmaster", "malenia"):
        assert all(row.applied for row in rows)
    assert [epoch for epoch, _, _ in engine.log.epochs] == list(range(1, plan.epochs + 1))
    assert all(update >= plan.epoch_end(epoch) for epoch, update, _ in engine.log.epochs)


@every_method
@some
@given(data=st.data())
def test_time_never_runs_backwards_and_what_is_recorded_of_a_message_adds_up(name, data):
    setting = data.draw(of(name))
    engine = Engine(setting)
    engine.run()
    messages = {}
    before_s = 0.0
    for kind, k, step, seconds, wait_s, arrival_s, _ in engine.log.events:
        # Who left or came back while all were at the full gradient is heard of when it is over.
        assert arrival_s >= before_s or kind in (Kind.LEAVE, Kind.JOIN)
        before_s = max(before_s, arrival_s)
        if kind == Kind.MESSAGE:
            assert seconds > 0
            assert wait_s >= 0
            assert (k, step) not in messages
            messages[k, step] = seconds, arrival_s
    for row in engine.log.rows:
        step = max(step for k, step in messages if k == row.learner and step <= row.step)
        seconds, arrival_s = messages[row.learner, step]
        n = sum(other.learner == row.learner and other.arrival_s == arrival_s for other in engine.log.rows)
        assert row.arrival_s == arrival_s
        assert row.compute_s * n == pytest.approx(seconds)
        assert row.queued_s >= setting.link.server_s


@every_method
@some
@given(data=st.data(), place=st.integers(0, 200))
def test_a_run_that_is_cut_after_any_event_goes_on_to_the_same_bits(name, data, place):
    setting = data.draw(of(name))
    whole = Engine(setting).run()
    place %= len(whole.events) + 1
    found = []

    def look(engine):
        if len(engine.log.events) == place:
            found.append((engine.outcome(), engine.checkpoint()))

    assert Engine(setting, after_event=look).run() == whole, "to look changes nothing"
    for before, state in found:  # two where a loop ends
        other = Engine(setting)
        other.restore(state)
        assert_same_state(other.checkpoint(), state)
        assert before.before(other.run()) == whole


@every_method
@some
@given(data=st.data(), places=st.lists(st.integers(1, 100), min_size=1, max_size=3))
def test_a_run_that_is_asked_to_stop_at_any_moment_goes_on_to_the_same_bits(name, data, places):
    """As often as it may be."""
    setting = data.draw(of(name))
    whole = Engine(setting).run()
    asked = len(whole.events) + setting.plan.loops
    one = Engine(setting, stop_at=1 + places[0] % asked)
    outcome = one.run()
    for place in [*places[1:], None]:
        if one.committer.stopped:
            other = Engine(setting, stop_at=place)
            other.restore(one.checkpoint())
            outcome, one = outcome.before(other.run()), other
    assert outcome == whole


@every_method
@some
@given(data=st.data(), place=st.integers(0, 200))
def test_a_recorded_order_gives_the_recorded_bits_and_so_does_any_order_of_computing(name, data, place):
    setting = data.draw(of(name))
    whole = Engine(setting).run()
    assert replayed(setting, whole.events).run() == whole
    assert replayed(setting, whole.events, pool=Shuffled).run() == whole
    assert Engine(setting, pool=Shuffled).run() == whole
    # Of a part of it, the part, up to the event that stopped it.
    part = whole.events[: place % (len(whole.events) + 1)]
    engine = replayed(setting, part)
    outcome = engine.run()
    assert outcome.events == part
    assert outcome.rows == whole.rows[: len(outcome.rows)]
    assert engine.committer.stopped or part == whole.events


def assert_same_state(one, other):
    assert one.keys() == other.keys()
    for key, x in one.items():
        assert (x.dtype, x.shape, x.tobytes()) == (other[key].dtype, other[key].shape, other[key].tobytes()), key
