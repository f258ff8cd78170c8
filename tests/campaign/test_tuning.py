"""Which of some trials was the best."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsgm_mpi.campaign.tuning import at_an_end, best, score

ACCURACIES = st.lists(st.floats(0, 1), min_size=1, max_size=50)


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([0.5], (0.5, 0.5)),
        ([0.1, 0.2, 0.3, 0.4], (0.4, 0.25)),
        ([0.1, 0.2, 0.3, 0.4, 0.6], (0.5, 0.32)),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0], (0.75, 0.1875)),
    ],
)
def test_the_mean_of_the_last_quarter_and_of_all(accuracies, expected):
    assert score(accuracies, diverged=False) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("accuracies", "diverged"), [([], False), ([0.9, math.nan], False), ([math.inf], False), ([0.9, 0.9], True)]
)
def test_what_diverged_or_was_never_evaluated_is_the_worst_there_is(accuracies, diverged):
    assert score(accuracies, diverged=diverged) == (0.0, 0.0)


@given(ACCURACIES)
def test_a_score_lies_between_the_accuracies(accuracies):
    tail, mean = score(accuracies, diverged=False)
    for value in (tail, mean):
        assert min(accuracies) - 1e-12 <= value <= max(accuracies) + 1e-12


def test_a_rate_at_which_the_accuracy_swings_does_not_win_by_a_lucky_end():
    swings, steady = [0.2, 0.9] * 4, [0.8] * 8
    assert best({1.0: score(steady, diverged=False), 2.0: score(swings, diverged=False)}) == 1.0


@pytest.mark.parametrize(
    ("scores", "factor", "end"),
    [
        ({1.0: (0.5, 0.5)}, 1.0, False),
        ({0.5: (0.1, 0.9), 1.0: (0.3, 0.1), 2.0: (0.2, 0.8)}, 1.0, False),
        ({0.5: (0.3, 0.1), 1.0: (0.3, 0.2), 2.0: (0.2, 0.8)}, 1.0, False),
        ({0.5: (0.3, 0.3), 1.0: (0.2, 0.2), 2.0: (0.1, 0.1)}, 0.5, True),
        ({0.5: (0.1, 0.1), 1.0: (0.2, 0.2), 2.0: (0.3, 0.3)}, 2.0, True),
        ({2.0: (0.3, 0.3), 1.0: (0.3, 0.3), 0.5: (0.1, 0.1)}, 1.0, False),
        ({2.0: (0.0, 0.0), 0.5: (0.0, 0.0), 1.0: (0.0, 0.0)}, 0.5, True),
    ],
    ids=["one", "the tail counts first", "then the whole", "first", "last", "a tie", "all diverged"],
)
def test_the_best_factor_and_whether_it_is_at_an_end(scores, factor, end):
    assert best(scores) == factor
    assert at_an_end(scores) is end


@given(st.dictionaries(st.floats(0.01, 100), st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1))
def test_nothing_is_better_than_the_best_nor_as_good_and_safer(scores):
    factor = best(scores)
    assert all(scores[other] <= scores[factor] for other in scores)
    assert all(other >= factor for other in scores if scores[other] == scores[factor])
