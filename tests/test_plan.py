"""Epochs, loops, budgets and rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsgm_mpi.errors import UserError
from gsgm_mpi.plan import Budget, Decay, Plan, make_budget


def ends(plan):
    return [plan.epoch_end(e) for e in range(1, plan.epochs + 1)]


def budgets(plan):
    return [plan.loop_budget(j) for j in range(plan.loops)]


def test_one_loop_under_sgd():
    plan = Plan(batches=(3, 2), epochs=4, lr=1.0)
    assert budgets(plan) == [20]
    assert ends(plan) == [5, 10, 15, 20]
    assert [plan.epochs_complete(u) for u in (0, 4, 5, 19, 20)] == [0, 0, 1, 3, 4]


def test_outer_loops_are_rounded_up_to_whole_rounds():
    # U = 5 and K = 3: two inner epochs are 10, rounded to 12; the last loop has one epoch, 5, rounded to 6.
    plan = Plan(batches=(2, 2, 1), epochs=3, lr=1.0, inner_epochs=2)
    assert [plan.loop_epochs(j) for j in range(plan.loops)] == [2, 1]
    assert budgets(plan) == [12, 6]
    assert ends(plan) == [5, 12, 18]
    assert [plan.loop_of_epoch(e) for e in (1, 2, 3)] == [1, 1, 2]


def test_the_paper_s_convnet_plan():
    # 50,000 images, K = 30, batch 100: 17 batches each; "decay at outer loop 12" is epoch 60.
    plan = Plan(batches=(17,) * 30, epochs=100, lr=2.5e-3, inner_epochs=5, decay=Decay.parse("0.5@60"))
    assert plan.loops == 20
    assert plan.updates == 100 * 510
    assert plan.lr_at(60 * 510 - 1) == 2.5e-3
    assert plan.lr_at(60 * 510) == 1.25e-3


def test_decay_at_several_epochs():
    plan = Plan(batches=(1,), epochs=10, lr=8.0, decay=Decay.parse("0.5@6,2"))
    assert [plan.lr_at(u) for u in range(8)] == [8, 8, 4, 4, 4, 4, 2, 2]


def test_warm_up_rises_from_a_kth():
    plan = Plan(batches=(1, 1), epochs=4, lr=1.0, warmup_epochs=2)
    assert [plan.lr_at(u) for u in range(6)] == [0.5, 0.625, 0.75, 0.875, 1.0, 1.0]


@pytest.mark.parametrize("text", ["0.5", "@5", "0.5@", "x@5", "-1@5", "0@5", "0.5@1.5", "inf@3", "0.5@3;4", "."])
def test_bad_decay_names_the_option(text):
    with pytest.raises(UserError, match="--lr-decay must be"):
        Decay.parse(text)


@given(
    batches=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    epochs=st.integers(1, 12),
    inner=st.none() | st.integers(1, 5),
    per_learner=st.booleans(),
)
def test_every_epoch_ends_once_and_inside_its_loop(batches, epochs, inner, per_learner):
    plan = Plan(batches=tuple(batches), epochs=epochs, lr=1.0, inner_epochs=inner, per_learner=per_learner)
    assert ends(plan) == sorted(set(ends(plan)))
    assert plan.updates == sum(budgets(plan)) == sum(make_budget(plan, j).left() for j in range(plan.loops))
    assert 0 <= plan.updates - epochs * sum(batches) < len(batches) * plan.loops
    for update in range(plan.updates + 1):
        assert plan.epochs_complete(update) == sum(end <= update for end in ends(plan))
    if inner and not per_learner:
        assert all(budget % len(batches) == 0 for budget in budgets(plan))


def test_a_run_without_foreseeable_end_costs_nothing_to_plan():
    plan = Plan(batches=(3, 2), epochs=10**15, lr=1.0, inner_epochs=1)
    assert plan.updates == 6 * 10**15
    assert plan.epochs_complete(6 * 10**14) == 10**14


def test_budget_is_one_pot_or_one_for_each():
    pot = make_budget(Plan(batches=(3, 1), epochs=2, lr=1.0), 0)
    assert [pot.take(2, 3) for _ in range(4)] == [3, 3, 2, 0]
    own = make_budget(Plan(batches=(3, 1), epochs=2, lr=1.0, per_learner=True), 0)
    assert [own.take(2, 1) for _ in range(3)] == [1, 1, 0]
    assert own.take(1, 10) == 6
    assert own.left() == 0
    own.give_back(2, 1)
    assert (own.left(1), own.left(2)) == (0, 1)


def test_what_is_left_of_budgets_is_shared_out_evenly_among_some():
    budget = Budget(10, [5, 3, 2])
    budget.take(1, 1)
    budget.level({3, 1})
    assert [budget.left(k) for k in (1, 2, 3)] == [5, 0, 4]
    assert budget.left() == 9
