"""timeline.py against intervals and rounds worked out by hand."""

import csv
import io
import math
from pathlib import Path

import h5py
import numpy as np
import pytest
import timeline
from _results import read
from _timeline_figures import figures
from _timeline_intervals import Kind
from _timeline_measure import GROUPS, Window, aligned, measure

from tests.analysis.handmade import columns, replace, write_results

MESSAGE, LEAVE, JOIN, STOP, FULL = range(5)
TRACE = {"event": "i8", "learner": "i8", "step": "i8", "sent_s": "f8", "seconds": "f8", "wait_s": "f8"}
TRACE |= {"arrival_s": "f8"}
UPDATES = {"learner": "i8", "step": "i8", "arrival_s": "f8", "queued_s": "f8", "applied": "i8"}
# A white list and two learners; from 3 s on, messages take half a second each way. Learner 1 is used at 1 s. Its next
# message comes at 2 s and is held until learner 2 is used at 3 s, and the one after that until 7 s.
GSGM = (
    [
        (MESSAGE, 1, 0, 0.0, 1.0, 0.0, 1.0),
        (MESSAGE, 1, 1, 1.0, 1.0, 0.0, 2.0),
        (MESSAGE, 2, 0, 0.0, 3.0, 0.0, 3.0),
        (MESSAGE, 1, 2, 3.0, 1.0, 1.5, 5.0),
        (MESSAGE, 2, 1, 3.0, 3.0, 0.5, 7.0),
    ],
    [(1, 0, 1.0, 0.0, 1), (2, 0, 3.0, 0.0, 1), (1, 1, 2.0, 1.0, 1), (2, 1, 7.0, 0.0, 1), (1, 2, 5.0, 2.0, 1)],
)
GSGM_INTERVALS = [
    (1, "compute", 0, 1, 1),
    (1, "compute", 1, 2, 3),
    (1, "queue", 2, 3, 3),
    (1, "wait", 3, 3.5, 0),
    (1, "compute", 3.5, 4.5, 5),
    (1, "wait", 4.5, 5, 0),
    (1, "queue", 5, 7, 5),
    (2, "compute", 0, 3, 2),
    (2, "wait", 3, 3.5, 0),
    (2, "compute", 3.5, 6.5, 4),
    (2, "wait", 6.5, 7, 0),
]
# Nobody waits: learner 1 takes 1 s, learner 2 takes 2.5 s; the last of learner 2 is dropped.
FREE = (
    [
        (MESSAGE, 1, 0, 0.0, 1.0, 0.0, 1.0),
        (MESSAGE, 1, 1, 1.0, 1.0, 0.0, 2.0),
        (MESSAGE, 2, 0, 0.0, 2.5, 0.0, 2.5),
        (MESSAGE, 1, 2, 2.0, 1.0, 0.0, 3.0),
        (MESSAGE, 1, 3, 3.0, 1.0, 0.0, 4.0),
        (MESSAGE, 2, 1, 2.5, 2.5, 0.0, 5.0),
    ],
    [(1, 0, 1.0, 0, 1), (1, 1, 2.0, 0, 1), (2, 0, 2.5, 0, 1), (1, 2, 3.0, 0, 1), (1, 3, 4.0, 0, 1), (2, 1, 5.0, 0, 0)],
)


@pytest.fixture
def write(tmp_path):
    """Writes a results file of two learners, from rows of /trace and /updates; keywords replace options of the run."""

    def write_file(name="a.h5", rows=GSGM, status="finished", learners=2, epochs=((1, 2), (2, 5)), **options) -> Path:
        config = {"method": "gsgm", "learners": learners, "seed": 1, "epochs": 2, "clock": "virtual", "gate": None}
        trace, updates = rows
        groups = {
            "trace": columns(TRACE, trace),
            "updates": columns(UPDATES, updates) | {"update": np.arange(1, len(updates) + 1)},
            "learners": {"learner": np.arange(1, learners + 1, dtype=np.int32)},
            "epochs": columns({"epoch": "i8", "update": "i8"}, epochs),
        }
        return write_results(tmp_path / name, groups, config | options, status)

    return write_file


def measured(path, window=None):
    return measure(read(path, GROUPS), window)


def listed(found):
    parts = found.intervals
    columns = (found.learners[parts.k], parts.kind, parts.start_s, parts.end_s, parts.update)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [(k, Kind(kind).word, pytest.approx(a), pytest.approx(b), update) for k, kind, a, b, update in rows]


def test_a_white_list_by_hand(write):
    found = measured(write())
    assert listed(found) == GSGM_INTERVALS
    assert found.rounds.own
    assert (found.rounds.start_s.tolist(), found.rounds.end_s.tolist()) == ([0, 3], [3, 7])
    # Learner 1's message that was held in the first round belongs to the second.
    assert found.rounds.of_use.tolist() == [0, 0, 1, 1, 2]
    now = figures(found)
    assert (found.start_s, found.end_s, found.chosen) == (0, 7, "the whole run")
    np.testing.assert_allclose(now.shares[:, :3], np.array([[3, 3, 1], [6, 0, 1]]) / 7)
    assert (now.used.tolist(), now.dropped.tolist(), now.rounds, now.round_s) == ([3, 2], [0, 0], 2, 3.5)
    assert (now.least.tolist(), now.most.tolist()) == ([1, 1], [1, 1])


def test_the_table(write, capsys):
    assert timeline.main([str(write()), "--window", "2:4"]) == 0
    assert capsys.readouterr().out.splitlines()[:6] == [
        "GSGM (a.h5)",
        "2 s to 4 s of 7 s, virtual time: seconds 2 to 4",
        "learner  computing %  queued %  waiting %  used  dropped  uses a round",
        "1               25.0      50.0       25.0     1        0             -",
        "2               75.0       0.0       25.0     1        0             -",
        "mean            50.0      25.0       25.0   1.0      0.0             -",
    ]


def test_the_intervals_as_csv_are_cut_to_the_window(write, tmp_path, capsys):
    path, out = write(), tmp_path / "a.csv"
    assert timeline.main([str(path), "--window", "2.5:3.25", "--csv", str(out)]) == 0
    rows = [{name: row[name] for name in row if name != "file"} for row in csv.DictReader(io.StringIO(out.read_text()))]
    assert [tuple(row.values()) for row in rows] == [
        ("1", "queue", "2.5", "3.0", "3"),
        ("1", "wait", "3.0", "3.25", ""),
        ("2", "compute", "2.5", "3.0", "2"),
        ("2", "wait", "3.0", "3.25", ""),
    ]


def test_without_a_white_list_fast_learners_are_used_more_often(write):
    found = measured(write(rows=FREE, method="downpour"))
    now = figures(found)
    assert not found.rounds.own
    # All have been used at 2.5 s; a gradient that was dropped was not used.
    assert (found.rounds.start_s.tolist(), found.rounds.end_s.tolist()) == ([0], [2.5])
    assert (now.least.tolist(), now.most.tolist()) == ([2, 1], [2, 1])
    assert (now.used.tolist(), now.dropped.tolist()) == ([4, 1], [0, 1])
    np.testing.assert_allclose(now.shares[:, :3], [[0.8, 0, 0.2], [1, 0, 0]])


@pytest.mark.parametrize(
    ("window", "moments"),
    [
        (Window("updates", 1, 4), (1, 7)),
        (Window("updates", 0, 99), (0, 7)),
        (Window("updates", 0, 1e23), (0, 7)),
        (Window("epochs", 0, 1), (0, 3)),
        (Window("epochs", 1, 2), (3, 7)),
        (Window("seconds", 6, 9), (6, 9)),
    ],
)
def test_windows(write, window, moments):
    found = measured(write(), window)
    assert (found.start_s, found.end_s) == moments


def test_what_lies_beyond_the_end_does_not_count(write):
    np.testing.assert_allclose(
        figures(measured(write(), Window("seconds", 6, 9))).shares[:, :3], [[0, 1, 0], [0.5, 0, 0.5]]
    )
    assert np.isnan(figures(measured(write(), Window("seconds", 8, 9))).shares).all()


@pytest.mark.parametrize(("option", "what"), [("--updates", "5 updates"), ("--epochs", "2 epochs")])
def test_a_window_that_has_not_begun(write, capsys, option, what):
    path = write()
    assert timeline.main([str(path), option, "7:8"]) == 1
    assert capsys.readouterr().err == f"cannot read {path}: has {what}, none in {option} 7:8\n"


def test_the_usual_window_is_five_rounds(write):
    # One learner: each of its 40 gradients of a second is a round; the first round after a quarter begins at 10 s.
    trace = [(MESSAGE, 1, i, i, 1.0, 0.0, i + 1.0) for i in range(40)]
    found = measured(write(rows=(trace, [(1, i, i + 1.0, 0.0, 1) for i in range(40)]), learners=1))
    assert (found.start_s, found.end_s) == (10, 15)
    assert figures(found).used.tolist() == [5]
    short, long = aligned([measured(write("b.h5")), found])
    assert (short.start_s, short.end_s, long.start_s, long.end_s) == (0, 7, 10, 17)
    assert short.chosen == "the whole run"
    assert long.chosen == "5 rounds after the first quarter, made as long as the longest window"
    # Where the run would end before, the window begins earlier.
    assert aligned([short, measured(found.file, Window("seconds", 36, 40))])[1].start_s == 33


def test_absence_lost_work_and_drops(write):
    # Learner 1 leaves at 2.5 s with its message held, which is dropped. Learner 2, used at 3 s and sent on, leaves at
    # 4 s and loses what it was at. Both come back, learner 1 to be used at 6 s, learner 2 not any more.
    trace = [
        *GSGM[0][:2],
        (LEAVE, 1, 0, 2.5, 0.0, 0.0, 2.5),
        GSGM[0][2],
        (LEAVE, 2, 0, 4.0, 0.0, 0.0, 4.0),
        (JOIN, 1, 0, 4.5, 0.0, 0.0, 4.5),
        (MESSAGE, 1, 2, 4.5, 1.0, 0.5, 6.0),
        (JOIN, 2, 0, 7.0, 0.0, 0.0, 7.0),
    ]
    updates = [(1, 0, 1.0, 0.0, 1), (1, 1, 2.0, 0.5, 0), (2, 0, 3.0, 0.0, 1), (1, 2, 6.0, 0.0, 1)]
    found = measured(write(rows=(trace, updates)))
    assert listed(found) == [
        (1, "compute", 0, 1, 1),
        (1, "compute", 1, 2, 2),
        (1, "queue", 2, 2.5, 2),
        (1, "absent", 2.5, 4.5, 0),
        (1, "wait", 4.5, 5, 0),
        (1, "compute", 5, 6, 4),
        (1, "wait", 6, 7, 0),
        (2, "compute", 0, 3, 3),
        (2, "unknown", 3, 4, 0),
        (2, "absent", 4, 7, 0),
    ]
    # Round 1: 1 and 2. Round 2 is over at 4 s without a use, as learner 2 leaves, and so is none.
    assert found.rounds.end_s.tolist() == [3, 6]
    assert figures(found).dropped.tolist() == [1, 0]


def test_rounds_in_which_a_learner_was_away_do_not_count_for_it(write):
    trace = [*GSGM[0], (LEAVE, 2, 0, 7.5, 0.0, 0.0, 7.5), (MESSAGE, 1, 3, 7.0, 1.0, 2.5, 8.0)]
    found = measured(write(rows=(trace, [*GSGM[1], (1, 3, 8.0, 0.0, 1)]), status="running"))
    # Learner 2 left in the third round, which ends there with one use; in the fourth it is away.
    assert found.rounds.end_s.tolist() == [3, 7, 7.5, 8]
    assert (figures(found).least.tolist(), figures(found).most.tolist()) == ([1, 1], [1, 1])


def test_the_end_of_a_run_that_goes_on_is_not_known(write):
    # Learner 1's last message is still held, learner 2 is at work.
    found = measured(write(rows=(GSGM[0][:4], GSGM[1][:3]), status="running"))
    assert listed(found)[-2:] == [(2, "compute", 0, 3, 2), (2, "unknown", 3, 5, 0)]
    held = measured(write("held.h5", rows=(GSGM[0][:3], GSGM[1][:2]), status="running"))
    assert listed(held)[2] == (1, "queue", 2, 3, 0)
    # Of a finished run it is known that there was no work left.
    whole = measured(write("whole.h5", rows=(GSGM[0][:4], GSGM[1][:3])))
    assert listed(whole)[-1] == (2, "wait", 3, 5, 0)


def test_one_step_of_delay_overlaps(write):
    # Learner 1 has two hand-outs at once: it computes the second while the first waits for learner 2, until 3 s.
    trace = [
        (MESSAGE, 1, 0, 0.0, 1.0, 0.0, 1.0),
        (MESSAGE, 1, 1, 0.0, 1.0, 0.0, 2.0),
        (MESSAGE, 2, 0, 0.0, 3.0, 0.0, 3.0),
        (MESSAGE, 2, 1, 0.0, 1.0, 0.0, 4.0),
    ]
    updates = [(1, 0, 1.0, 2.0, 1), (2, 0, 3.0, 0.0, 1), (1, 1, 2.0, 2.0, 1), (2, 1, 4.0, 0.0, 1)]
    found = measured(write(rows=(trace, updates), method="od-sgd"))
    assert listed(found)[:5] == [
        (1, "compute", 0, 1, 1),
        (1, "compute", 1, 2, 3),
        (1, "overlap", 1, 2, 1),
        # Both are held; the older one is named.
        (1, "queue", 2, 3, 1),
        (1, "queue", 3, 4, 3),
    ]
    assert (found.rounds.own, found.rounds.end_s.tolist()) == (True, [3, 4])
    np.testing.assert_allclose(figures(found).shares[0, [Kind.COMPUTE, Kind.QUEUE, Kind.OVERLAP]], [0.5, 0.5, 0.25])


def test_messages_of_several_gradients_and_full_gradients(write):
    # A phase from 0 to 2 s; then a message of three gradients at once, and another phase up to 7 s.
    trace = [
        (FULL, 0, 0, 2.0, 2.0, 0.0, 2.0),
        (MESSAGE, 1, 0, 2.0, 1.5, 0.5, 4.0),
        (MESSAGE, 2, 0, 2.0, 3.0, 0.0, 5.0),
        (FULL, 0, 0, 7.0, 2.0, 0.0, 7.0),
    ]
    updates = [*((1, step, 4.0, 1.0, 1) for step in range(3)), (2, 0, 5.0, 0.0, 1)]
    found = measured(write(rows=(trace, updates), method="fedavg"))
    assert listed(found) == [
        (1, "full-gradient", 0, 2, 0),
        (1, "wait", 2, 2.5, 0),
        (1, "compute", 2.5, 4, 1),
        (1, "queue", 4, 5, 1),
        (1, "full-gradient", 5, 7, 0),
        (2, "full-gradient", 0, 2, 0),
        (2, "compute", 2, 5, 4),
        (2, "full-gradient", 5, 7, 0),
    ]
    assert (found.rounds.start_s.tolist(), found.rounds.end_s.tolist()) == ([2], [5])
    assert figures(found).used.tolist() == [3, 1]
    assert found.pace_s.tolist() == [0.5, 3]


def test_groups_meet_often_and_all_of_them_seldom(write):
    # Four learners in two groups; {1, 2} averages at 1 s, {3, 4} at 2 s, all at 4 s.
    rounds = [((1, 2), 0, 1.0), ((3, 4), 0, 2.0), ((1, 2, 3, 4), 1, 4.0)]
    trace = [(MESSAGE, k, step, 0.0, 1.0, 0.0, at) for ks, step, at in rounds for k in ks]
    updates = [(k, step, at, 0.0, 1) for ks, step, at in rounds for k in ks]
    found = measured(write(rows=(trace, updates), method="hier-avg", learners=4))
    assert (found.rounds.end_s.tolist(), figures(found).most.tolist()) == ([4], [2, 2, 2, 2])
    every = measured(write("b.h5", rows=(trace, updates), method="k-avg", learners=4))
    assert every.rounds.end_s.tolist() == [1, 2, 4]


def test_the_wall_clock_keeps_to_what_the_server_knows(write):
    # The learner's own clock runs 0.25 s ahead of the first hand-out, and says 0.2 s too little of its second wait.
    trace = [(MESSAGE, 1, 0, 0.25, 1.0, 0.0, 1.5), (MESSAGE, 1, 1, 1.5, 1.0, 0.05, 2.75)]
    updates = [(1, 0, 1.5, 0.0, 1), (1, 1, 2.75, 0.0, 1)]
    found = measured(write(rows=(trace, updates), learners=1, clock="wall"))
    assert listed(found) == [
        (1, "wait", 0, 0.25, 0),
        (1, "compute", 0.25, 1.25, 1),
        (1, "wait", 1.25, 1.5, 0),
        (1, "compute", 1.5, 2.5, 2),
        (1, "wait", 2.5, 2.75, 0),
    ]
    # Nor can it have begun so late that its result would have come before it was there.
    late = measured(write("b.h5", rows=([(MESSAGE, 1, 0, 0.0, 1.0, 0.8, 1.5)], updates[:1]), learners=1))
    assert listed(late)[0] == (1, "wait", 0, 0.5, 0)
    assert math.isclose(late.length_s, 1.5)


def test_what_a_departure_sets_off_comes_after_it(write):
    # Learner 2 leaves at 2.5 s, so the round is over, and the message of learner 1 that was held opens the next.
    trace = [*GSGM[0][:2], (LEAVE, 2, 0, 2.5, 0.0, 0.0, 2.5)]
    found = measured(write(rows=(trace, [(1, 0, 1.0, 0.0, 1), (1, 1, 2.0, 0.5, 1)])))
    assert (found.rounds.end_s.tolist(), found.rounds.of_use.tolist()) == ([2.5, 2.5], [0, 1])


def test_a_round_that_a_full_gradient_cuts_off_is_none(write):
    trace = [
        (FULL, 0, 0, 1.0, 1.0, 0.0, 1.0),
        (MESSAGE, 1, 0, 1.0, 1.0, 0.0, 2.0),
        (FULL, 0, 0, 5.0, 3.0, 0.0, 5.0),
        (MESSAGE, 2, 0, 5.0, 1.0, 0.0, 6.0),
        (MESSAGE, 1, 1, 5.0, 2.0, 0.0, 7.0),
    ]
    found = measured(write(rows=(trace, [(1, 0, 2.0, 0.0, 1), (2, 0, 6.0, 0.0, 1), (1, 1, 7.0, 0.0, 1)])))
    assert (found.rounds.start_s.tolist(), found.rounds.end_s.tolist()) == ([5], [7])
    assert found.rounds.of_use.tolist() == [1, 0, 0]


def test_moments_that_differ_by_rounding_are_one(write):
    trace = [(MESSAGE, 2, 0, 0.0, 0.1, 0.0, 0.1), (MESSAGE, 1, 0, 0.0, 0.3, 0.0, 0.3)]
    assert 0.1 + 0.2 > 0.3
    found = measured(write(rows=(trace, [(1, 0, 0.3, 0.0, 1), (2, 0, 0.1, 0.2, 1)]), method="k-avg"))
    assert found.rounds.end_s.tolist() == [0.3]


def test_clocks_that_differ_a_little_are_no_overlap(write):
    # The learners have met before the server has heard of all of them: the next gradient is begun 0.01 s too early.
    trace = [(MESSAGE, 1, 0, 0.0, 1.0, 0.0, 1.0), (MESSAGE, 2, 0, 0.0, 2.0, 0.0, 2.0)]
    trace.append((MESSAGE, 1, 1, 2.0, 1.01, 0.99, 3.0))
    updates = [(1, 0, 1.0, 1.0, 1), (2, 0, 2.0, 0.0, 1), (1, 1, 3.0, 0.0, 1)]
    found = measured(write(rows=(trace, updates), method="k-avg", clock="wall"))
    assert listed(found)[:3] == [(1, "compute", 0, 1, 1), (1, "queue", 1, 1.99, 1), (1, "compute", 1.99, 3, 3)]
    assert "overlap" not in [kind for _, kind, *_ in listed(found)]


@pytest.mark.parametrize("name", ["trace/step", "updates/step", "trace/learner", "updates/update"])
def test_whole_numbers_that_are_none_are_damage(write, capsys, name):
    path = write()
    with h5py.File(path) as file:
        rows = file[name].shape[0]
    for value in (math.nan, math.inf, 1e300):
        replace(path, name, np.full(rows, value))
        assert timeline.main([str(path)]) == 1
        assert capsys.readouterr().err == f"cannot read {path}: /{name} is not one number a row\n"
