"""clocks.py against figures worked out by hand, and what it says of files that it cannot use."""

import json

import _clocks_measure
import _script
import clocks
import h5py
import numpy as np
import pytest
from _results import read

from tests.analysis.handmade import remove, replace, write_results

CONFIG = {"method": "downpour", "learners": 2}

# Two learners by turns. Of the staleness 0 1 1 2 the mean is 1 and so is the median; 95 % need all.
WALL = {
    "learner": [1, 2, 1, 2],
    "step": [0, 0, 1, 1],
    "staleness": [0, 1, 1, 2],
    "sent_s": [0.0, 0.25, 1.25, 1.5],
    "compute_s": [0.5, 0.75, 0.25, 0.5],
    "arrival_s": [1.0, 1.5, 2.0, 2.5],
    "queued_s": [0.25, 0.0, 0.0, 0.0],
}
# From hand-out to arrival without computing: 1.0 - 0.5, 1.25 - 0.75, 0.75 - 0.25, 1.0 - 0.5: always 0.5.
# Here learner 2 sends three of the four, each as soon as it has computed for 0.5 s after the one before was used.
VIRTUAL = {
    "learner": [2, 1, 2, 2],
    "step": [0, 0, 1, 2],
    "staleness": [0, 1, 1, 1],
    "sent_s": [0.0, 0.0, 0.5, 1.0],
    "compute_s": [0.5, 0.75, 0.5, 0.5],
    "arrival_s": [0.5, 0.75, 1.0, 1.5],
    "queued_s": [0.0, 0.0, 0.0, 0.5],
}
# Of each column of /trace, the one above that it repeats where every message is one gradient.
TRACE = {
    "learner": "learner",
    "step": "step",
    "sent_s": "sent_s",
    "seconds": "compute_s",
    "arrival_s": "arrival_s",
}


def typed(columns):
    """Times as fractions, all else as whole numbers."""
    kinds = {name: np.float64 if name.endswith(("_s", "seconds")) else np.int64 for name in columns}
    return {name: np.array(values, kinds[name]) for name, values in columns.items()}


@pytest.fixture
def write_updates(tmp_path):
    """Writes a results file of the given columns of /updates, and of /trace unless that is given."""

    def write(name, columns, status="finished", trace=None, weights=(1.0, 2.0), **options):
        trace = trace or {"event": np.zeros(len(columns["learner"]))} | {to: columns[of] for to, of in TRACE.items()}
        columns = {"applied": np.ones(len(columns["learner"]))} | {n: c for n, c in columns.items() if n != "sent_s"}
        final = {"weights": np.array(weights, np.float32)}
        groups = {"updates": typed(columns), "trace": typed(trace), "final": final}
        return write_results(tmp_path / name, groups, CONFIG | options, status)

    return write


@pytest.fixture
def pair(write_updates):
    return [
        str(write_updates("wall.h5", WALL, clock="wall")),
        str(write_updates("virtual.h5", VIRTUAL, weights=(1.0, -2.0), clock="virtual")),
    ]


def measure(path):
    return _clocks_measure.measure(read(path, _clocks_measure.GROUPS))


def test_the_tables_of_two_runs(pair, capsys):
    assert clocks.main(pair) == 0
    # Staleness 1/4 2/4 1/4 against 1/4 3/4: half of 1/4 + 1/4. Shares 2/4 against 1/4 and 3/4.
    assert capsys.readouterr().out == (
        "run         method    clock    updates  seconds  updates/s  way ms  "
        "staleness: mean  median  95 %  max\n"
        "wall.h5     downpour  wall           4     2.50        1.6  500.00  "
        "           1.00       1     2    2\n"
        "virtual.h5  downpour  virtual        4     2.00        2.0    0.00  "
        "           0.75       1     1    1\n"
        "\n"
        "run         against  staleness distance  largest share difference  of learner  first other update  weights\n"
        "virtual.h5  wall.h5               0.250                     25.00           1                   1    other\n"
        "staleness distance: total variation, 0 alike to 1 nothing in common; shares in percentage points\n"
        "\n"
        "learner  wall.h5 %  virtual.h5 %\n"
        "1            50.00         25.00\n"
        "2            50.00         75.00\n"
    )


def test_json_has_counts_and_fractions(pair, tmp_path):
    path = tmp_path / "figures.json"
    assert clocks.main([*pair, "--json", str(path)]) == 0
    document = json.loads(path.read_text())
    assert document["runs"][0] == {
        "file": pair[0],
        "label": "downpour",
        "clock": "wall",
        "status": "finished",
        "updates": 4,
        "seconds": 2.5,
        "updates_per_second": 1.6,
        "way_s": 0.5,
        "staleness_mean": 1.0,
        "staleness_median": 1,
        "staleness_95_percent": 2,
        "staleness_max": 2,
        "staleness_counts": {"0": 1, "1": 2, "2": 1},
        "learner_counts": {"1": 2, "2": 2},
    }
    assert document["comparisons"] == [
        {
            "file": pair[1],
            "against": pair[0],
            "staleness_distance": 0.25,
            "largest_share_difference": 0.25,
            "differing_learner": 1,
            "differing_update": 1,
            "same_weights": False,
        }
    ]


def test_a_run_is_no_distance_from_itself_and_three_can_be_compared(pair, capsys):
    assert clocks.main([*pair, pair[0]]) == 0
    lines = capsys.readouterr().out.splitlines()
    # A file that is given twice has its path for its name.
    assert lines[7].split() == [pair[0], pair[0], "0.000", "0.00", "-", "-", "same"]
    assert lines[-1].split() == ["2", "50.00", "75.00", "50.00"]


def test_runs_with_nothing_in_common_are_at_distance_1():
    one, other = np.array([0, 0, 1]), np.array([7, 10**12])
    assert _clocks_measure.total_variation(one, other) == 1
    # 2/3 1/3 0 against 1/4 1/4 2/4: half of 5/12 + 1/12 + 6/12.
    assert _clocks_measure.total_variation(one, np.array([0, 1, 2, 2])) == pytest.approx(0.5)


def test_quantiles_are_entries():
    column = np.arange(1, 21)
    assert [_clocks_measure.quantile(column, fraction) for fraction in (0.5, 0.95, 1)] == [10, 19, 20]


def test_what_was_dropped_does_not_count(write_updates, pair, capsys):
    columns = {name: [*values, values[-1]] for name, values in WALL.items()} | {"applied": [1, 1, 1, 1, 0]}
    columns["staleness"][-1] = 9
    assert clocks.main([pair[0], str(write_updates("dropped.h5", columns))]) == 0
    row = capsys.readouterr().out.splitlines()[2]
    assert row.split()[3:5] + row.split()[7:] == ["4", "2.50", "1.00", "1", "2", "2"]


@pytest.mark.parametrize(
    ("column", "values", "update"),
    [
        ("step", [0, 0, 1, 2], 4),
        ("staleness", [0, 1, 2, 1], 3),
        ("learner", [1, 2, 2, 1], 3),
        ("compute_s", [0.5, 0.75, 0.25, 9.0], "-"),
    ],
)
def test_the_first_update_that_differs_is_named(write_updates, pair, capsys, column, values, update):
    other = write_updates("other.h5", WALL | {column: values})
    assert clocks.main([pair[0], str(other)]) == 0
    assert capsys.readouterr().out.splitlines()[5].split()[-2:] == [str(update), "same"]


def test_a_shorter_run_differs_where_it_ends(write_updates, pair, capsys):
    shorter = write_updates("shorter.h5", {name: values[:3] for name, values in WALL.items()}, weights=(0.0, 0.0))
    assert clocks.main([pair[0], str(shorter)]) == 0
    assert capsys.readouterr().out.splitlines()[5].split()[-2:] == ["4", "other"]


def test_the_way_of_a_message_of_several_steps(write_updates):
    # Two messages of two local steps, 0.5 s computed in each, handed out at 0 and at 1; an event of another kind.
    columns = {"learner": [1] * 4, "step": [0, 1, 2, 3], "staleness": [0] * 4, "compute_s": [0.25] * 4}
    trace = {"event": [0, 0, 4], "learner": [1, 1, 0], "step": [0, 2, 0], "sent_s": [0.0, 1.0, 9.0]}
    path = write_updates(
        "local.h5",
        columns | {"queued_s": [0.0] * 4, "arrival_s": [1.0, 1.0, 2.0, 2.0]},
        trace=trace | {"seconds": [0.5, 0.5, 0.0], "arrival_s": [1.0, 2.0, 0.0]},
    )
    assert measure(path).way_s == 0.5


def test_the_way_of_work_that_had_to_wait_for_the_learner(write_updates):
    # Handed out while the learner was at work until 1.0, so 0.25 of the second message's 1.75 s are its way.
    columns = {
        "learner": [1, 1],
        "step": [0, 1],
        "staleness": [0, 0],
        "sent_s": [0.0, 0.0],
        "compute_s": [1.0, 0.5],
        "arrival_s": [1.25, 1.75],
        "queued_s": [0.0, 0.0],
    }
    assert measure(write_updates("ahead.h5", columns)).way_s == 0.25


def test_without_messages_the_way_is_undefined(write_updates, tmp_path, capsys):
    trace = {"event": [4], "learner": [0], "step": [0], "sent_s": [0.0], "seconds": [1.0], "arrival_s": [1.0]}
    columns = {name: values[:1] for name, values in WALL.items()}
    path = str(write_updates("one.h5", columns, status="running", trace=trace))
    assert clocks.main([path, path, "--json", str(tmp_path / "a.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == [path, "downpour", "-", "1", "1.25", "0.8", "-", "0.00", "0", "0", "0"]
    assert lines[-1] == f"note: {path}: running, 1 updates so far"
    assert json.loads((tmp_path / "a.json").read_text())["runs"][0]["way_s"] is None


def test_of_many_learners_those_that_differ_most_are_shown(write_updates, capsys):
    even = {name: np.resize(values, 40) for name, values in WALL.items()} | {"learner": np.arange(1, 41)}
    # Learner 2 has three more, of 38, 39 and 40.
    uneven = even | {"learner": [*range(1, 38), 2, 2, 2]}
    assert clocks.main([str(write_updates("even.h5", even)), str(write_updates("uneven.h5", uneven))]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = lines[lines.index("") + 6 : -1]
    assert [row.split()[0] for row in rows] == [*map(str, range(1, 10)), "38", "39", "40"]
    assert rows[1].split() == ["2", "2.50", "10.00"]
    assert lines[-1] == "the 12 of 40 learners whose share of the updates differs most"


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_plot_is_written(write_updates, pair, tmp_path, suffix, start):
    late = {name: np.resize(values, 400) for name, values in WALL.items()}
    late["staleness"] = [*range(398), 5000, 5000]
    files = [*pair, str(write_updates("late.h5", late))]
    for number in (2, 3):
        path = tmp_path / f"{number}.{suffix}"
        assert clocks.main([*files[:number], "--plot", str(path)]) == 0
        assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("option", ["--plot", "--json"])
def test_a_file_that_cannot_be_written_is_named(pair, tmp_path, capsys, option):
    folder = tmp_path / "folder.png"
    folder.mkdir()
    assert clocks.main([*pair, option, str(folder)]) == 1
    assert capsys.readouterr().err == f"cannot write {folder}: Is a directory\n"


def no_rows(path):
    with h5py.File(path, "r+") as file:
        for name in list(file["updates"]):
            kind = file["updates"][name].dtype
            del file["updates"][name]
            file["updates"][name] = np.empty(0, kind)
    return "no gradient has been used yet"


def only_dropped(path):
    with h5py.File(path, "r+") as file:
        file["updates/applied"][:] = 0
    return "no gradient has been used yet"


def no_staleness(path):
    remove(path, "updates/staleness")
    return "has no data set /updates/staleness"


def odd_staleness(path):
    replace(path, "updates/staleness", [0.5, 1.5, 2.5, 3.5])
    return "/updates/staleness is not one whole number an update"


def odd_arrival(path):
    replace(path, "updates/arrival_s", [1.0])
    return "/updates/arrival_s is not one number an update"


def odd_sent(path):
    replace(path, "trace/sent_s", [1, 2, 3, 4])
    return "/trace/sent_s is not one number an event"


def no_weights(path):
    remove(path, "final/weights")
    return "has no data set /final/weights"


def no_updates(path):
    remove(path, "updates")
    return "has no group /updates: not a results file of a run"


def empty(path):
    path.write_bytes(b"")
    return "the file is empty"


def text(path):
    path.write_text("learner,staleness\n1,0\n")
    return "not an HDF5 file"


def folder(path):
    path.unlink()
    path.mkdir()
    return "Is a directory"


def missing(path):
    path.unlink()
    return "no such file"


SPOILS = [
    *(no_rows, only_dropped, no_staleness, odd_staleness, odd_arrival, odd_sent, no_weights, no_updates),
    *(empty, text, folder, missing),
]


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("place", [0, 1])
def test_a_file_that_cannot_be_used_is_named(write_updates, pair, tmp_path, capsys, spoil, place):
    bad = write_updates("bad.h5", WALL)
    reason = spoil(bad)
    files = [pair[0]]
    files.insert(place, str(bad))
    assert clocks.main([*files, "--plot", str(tmp_path / "a.png")]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"cannot read {bad}: {reason}\n")
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "FILE"),
        (["a.h5"], "two or more results files"),
        (["a.h5", "b.h5", "--plot", "a.svg"], "--plot must end in .png or .pdf, not 'a.svg'"),
        (["a.h5", "b.h5", "--plot", "none/a.png"], "--plot: there is no folder 'none'"),
        (["a.h5", "b.h5", "--json", "none/a.json"], "--json: there is no folder 'none'"),
    ],
)
def test_a_wrong_command_line_exits_with_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        clocks.main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_a_plot_without_matplotlib_names_the_extra(monkeypatch, capsys):
    monkeypatch.setattr(_script, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as caught:
        clocks.main(["a.h5", "b.h5", "--plot", "a.png"])
    assert caught.value.code == 2
    assert "gsgm-mpi[analysis]" in capsys.readouterr().err
