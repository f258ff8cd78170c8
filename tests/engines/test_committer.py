"""Whole runs in virtual time, in place, of every method: budgets, cuts, replays, any order of computing."""

import itertools
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsgm_mpi.engines.clock import ImpossibleOrderError, Kind
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
def settings_of(draw, cases, fewest=1):
    """Any run of one of the cases."""
    case = draw(st.sampled_from(cases))
    batches = draw(st.lists(st.integers(1, 4), min_size=fewest, max_size=6))
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
        link=Link(
            draw(st.sampled_from([0, 0.25])), draw(st.sampled_from([np.inf, 48])), draw(st.sampled_from([0, 0.5]))
        ),
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
def test_the_budget_is_spent_to_the_last_gradient_no_step_is_left_out_and_times_add_up(name, data):
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
    # What a learner misses of rounds that all go through together, all of them do.
    if plan.per_learner or (plan.even and not setting.outages):
        budgets = [make_budget(plan, loop) for loop in range(plan.loops)]
        assert counts == {k: sum(budget.left(k) for budget in budgets) for k in counts}
    if not setting.outages and name not in ("ringmaster", "malenia"):
        assert all(row.applied for row in rows)
    assert [epoch for epoch, _, _ in engine.log.epochs] == list(range(1, plan.epochs + 1))
    assert all(update >= plan.epoch_end(epoch) for epoch, update, _ in engine.log.epochs)
    check_times(setting, engine.log)


def check_times(setting, log):
    messages = {}
    before_s = 0.0
    for (kind, k, step, seconds, wait_s, arrival_s, _), sent_s in zip(log.events, log.sent_s, strict=True):
        # Who left or came back while all were at the full gradient is heard of when it is over.
        assert arrival_s >= before_s or kind in (Kind.LEAVE, Kind.JOIN)
        before_s = max(before_s, arrival_s)
        if kind == Kind.MESSAGE:
            assert seconds > 0
            assert wait_s >= 0
            assert 0 <= sent_s < arrival_s
            assert (k, step) not in messages
            messages[k, step] = seconds, arrival_s
    for row in log.rows:
        step = max(step for k, step in messages if k == row.learner and step <= row.step)
        seconds, arrival_s = messages[row.learner, step]
        n = sum(other.learner == row.learner and other.arrival_s == arrival_s for other in log.rows)
        assert row.arrival_s == arrival_s
        assert row.compute_s * n == pytest.approx(seconds)
        assert row.queued_s >= setting.link.server_s - 1e-9


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


#: Methods under which every message is used as it comes, so that no two orders are alike.
AT_ONCE = [
    case
    for case in CASES
    if issubclass(case.method, Scheduled)
    and case.method.gate is Immediate
    and case.method.__dict__.get("use", Scheduled.use) is Scheduled.use
]


def is_noticed(setting, events, whole):
    """Whether a replay of these events fails or gives other rows, steps or fingerprints."""
    try:
        found = replayed(setting, events).run()
    except ImpossibleOrderError:
        return True
    return found.events != tuple(events) or found.rows != whole.rows


@settings(max_examples=60)
@given(setting=settings_of(CASES, 2), place=st.integers(0, 200), other=st.integers(1, 4))
def test_a_record_with_another_learner_s_message_in_a_place_is_noticed(setting, place, other):
    whole = Engine(setting).run()
    events = list(whole.events)
    messages = [j for j, event in enumerate(events) if event.event == Kind.MESSAGE]
    j = messages[place % len(messages)]
    learner = (events[j].learner - 1 + other) % setting.learners + 1
    if learner != events[j].learner:
        events[j] = events[j]._replace(learner=learner)
        assert is_noticed(setting, events, whole)


@settings(max_examples=60)
@given(setting=settings_of(AT_ONCE, 2), place=st.integers(0, 200))
def test_a_record_of_another_order_is_noticed(setting, place):
    whole = Engine(setting).run()
    events = list(whole.events)
    pairs = [
        j
        for j, (one, two) in enumerate(itertools.pairwise(events))
        if one.event == two.event == Kind.MESSAGE and one.learner != two.learner
    ]
    if pairs:
        j = pairs[place % len(pairs)]
        events[j : j + 2] = events[j + 1], events[j]
        assert is_noticed(setting, events, whole)


@settings(max_examples=60)
@given(setting=settings_of(CASES), place=st.integers(0, 200))
def test_a_record_that_lacks_a_message_is_noticed(setting, place):
    whole = Engine(setting).run()
    events = list(whole.events)
    messages = [j for j, event in enumerate(events) if event.event == Kind.MESSAGE]
    del events[messages[place % len(messages)]]
    assert is_noticed(setting, events, whole)


def downpour(outage, speeds="1,0.75"):
    plan = Plan(batches=(6, 6), epochs=1, lr=0.05)
    return Setting(Case("downpour"), plan, speeds=speeds, outages=(outage,))


def test_a_record_that_lacks_a_departure_or_a_return_is_noticed():
    setting = downpour(Outage(2, 3.5, 5.25))
    whole = Engine(setting).run()
    leave, join = (next(j for j, e in enumerate(whole.events) if e.event == kind) for kind in (Kind.LEAVE, Kind.JOIN))
    for lacking in ({leave, join}, {leave}, {join}):
        assert is_noticed(setting, [e for j, e in enumerate(whole.events) if j not in lacking], whole)


def test_what_a_learner_loses_is_done_by_another():
    """One learner that is away to the end: the other does all the rest, and the lost step is computed by nobody."""
    engine = Engine(downpour(Outage(2, 3.5, 100.0)))
    outcome = engine.run()
    learners = [row.learner for row in engine.log.rows]
    assert (learners.count(1), learners.count(2)) == (10, 2)
    assert len(outcome.rows) == 12
    assert [e.event for e in outcome.events].count(Kind.LEAVE) == 1
    assert outcome.sent == 12 * 3 * 4 * 2 + 3 * 4, "the lost message's weights travelled, too"


@pytest.mark.parametrize("end_s", [10.5, 100.0])
def test_what_is_lost_when_all_has_been_handed_out_brings_back_who_had_been_let_go(end_s):
    # All 12 have been handed out at 8, learner 1 is refused at 9, and learner 2's third would come at 12.
    engine = Engine(downpour(Outage(2, 10.0, end_s), speeds="1,0.25"))
    engine.run()
    assert [row.arrival_s for row in engine.log.rows if row.learner == 2] == [4.0, 8.0]
    last = engine.log.rows[-1]
    assert (last.update, last.learner, last.step, last.arrival_s) == (12, 1, 9, 11.0)


@settings(max_examples=100)
@given(
    setting=settings_of(CASES), places=st.tuples(st.integers(0, 200), st.integers(0, 200)), learner=st.integers(1, 6)
)
def test_a_record_that_makes_no_sense_is_impossible_and_nothing_worse(setting, places, learner):
    """One event in another's place, as another learner's."""
    whole = Engine(setting).run()
    events = list(whole.events)
    moved = events.pop(places[0] % len(events))
    if moved.event != Kind.FULL_GRADIENT:
        moved = moved._replace(learner=(learner - 1) % setting.learners + 1)
    events.insert(places[1] % (len(events) + 1), moved)
    is_noticed(setting, events, whole)  # or the order is a possible one; no other exception in any case


def assert_same_state(one, other):
    assert one.keys() == other.keys()
    for key, x in one.items():
        assert (x.dtype, x.shape, x.tobytes()) == (other[key].dtype, other[key].shape, other[key].tobytes()), key


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
