"""fairness.py against figures worked out by hand."""

import csv
import io
import json
import math
from pathlib import Path

import _fairness_indices as indices
import fairness
import h5py
import numpy as np
import pytest
from _fairness_measure import GROUPS, measure
from _results import read
from scipy import stats

from tests.analysis.handmade import columns, remove, replace, write_results

# Samples of three classes at three learners: shares of the classes 1/3, 1/6, 1/2.
COUNTS = [[4, 0, 0], [0, 2, 2], [0, 0, 4]]
COLUMNS = {"learner": "i4", "step": "i8", "applied": "u1", "lr": "f8", "staleness": "i8", "gap": "f4"}
COLUMNS |= {"arrival_s": "f8", "queued_s": "f8"}
NAN = math.nan
# The fourth and fifth row are one message of two steps, the sixth is dropped.
ROWS = [
    (1, 0, 1, 0.1, 0, 0.000, 1.0, 0.0),
    (2, 0, 1, 0.1, 1, 0.001, 2.0, 1.0),
    (3, 0, 1, 0.1, 2, 0.002, 3.0, 0.0),
    (1, 1, 1, 0.1, 3, 0.003, 4.0, 2.0),
    (1, 2, 1, 0.1, 0, NAN, 4.0, 2.0),
    (2, 1, 0, 0.1, 9, 0.005, 5.0, 0.0),
    (2, 2, 1, 0.05, 6, 0.006, 9.0, 1.0),
]
ACCURACY = [[0.1, 0.1, 0.1], [0.9, 0.6, 0.5]]
# Each learner once a round, at one rate.
FAIR = [(k, i // 3, 1, 0.1, 0, 0.0, i + 1.0, 0.0) for i, k in enumerate((1, 2, 3, 3, 1, 2, 2, 3, 1))]


@pytest.fixture
def write(tmp_path):
    """Writes a results file of three learners; keywords replace options of the run."""

    def write_file(name="a.h5", rows=ROWS, accuracy=ACCURACY, status="finished", counts=COUNTS, **options) -> Path:
        config = {"method": "downpour", "learners": 3, "seed": 1, "epochs": 2, "weighting": "uniform"}
        counts = np.array(counts, np.int64)
        groups = {
            "updates": columns(COLUMNS, rows),
            "learners": {
                "learner": np.array([1, 2, 3], np.int32),
                "label_counts": counts,
                "compute_s": [5.0, 6.0, 7.0],
                "wait_s": [3.0, 2.0, 4.0],
            },
            "epochs": {
                "epoch": np.arange(1, len(accuracy) + 1),
                "class_accuracy": np.array(accuracy, np.float64).reshape(len(accuracy), counts.shape[1]),
            },
        }
        return write_results(tmp_path / name, groups, config | options, status)

    return write_file


def figures(path, rounds=1):
    return measure(read(path, GROUPS), rounds).figures


EXPECTED = {
    "updates": 6,
    "dropped": 1,
    "updates_min": 1,
    "updates_max": 3,
    "updates_ratio": 3,
    "jain": 36 / (3 * (9 + 4 + 1)),
    # Rates by learner: 0.3, 0.15, 0.1; by class: 0.3, 0.075, 0.175 of 0.55.
    "overweight": 0.3 / 0.55 * 3,
    "underweight": 0.175 / 0.55 * 2,
    # (7/33 + 1/33 + 6/33) / 2
    "class_distance": 7 / 33,
    # The first three are fair; the next weigh 0.8, 0.1, 0.1.
    "window_distance": (0.8 - 1 / 3) / 2,
    "worst_accuracy": 0.5,
    "best_accuracy": 0.9,
    "accuracy_spread": 0.4,
    # Of (18, 9, 7) / 11 and (9, 6, 5) / 10: deviations (20, -7, -13) / 33 and (7, -2, -5) / 30.
    "weight_accuracy_correlation": 219 / math.sqrt(618 * 78),
    "staleness_mean": 2,
    "staleness_median": 1,
    "staleness_95": 6,
    "staleness_max": 6,
    "gap_mean": 0.0024,
    "gap_median": 0.002,
    "gap_95": 0.006,
    "gap_max": 0.006,
    # Of 3 x 10 s; queued are 1 + 2 + 1, for the message of two steps waited once.
    "computing": 18 / 30,
    "waiting": 9 / 30,
    "queued": 4 / 30,
}


def test_the_figures_of_a_run(write):
    assert figures(write()) == pytest.approx(EXPECTED)


def test_the_figures_of_learners_and_classes(write):
    run = measure(read(write(), GROUPS))
    assert run.classes == {
        "overweight_class": 0,
        "underweight_class": 2,
        "worst_accuracy_class": 2,
        "best_accuracy_class": 0,
    }
    np.testing.assert_array_equal(run.by_learner["updates"], [3, 2, 1])
    np.testing.assert_array_equal(run.by_learner["dropped"], [0, 1, 0])
    np.testing.assert_allclose(run.by_learner["staleness_mean"], [1, 3.5, 2])
    np.testing.assert_allclose(run.by_learner["staleness_95"], [3, 6, 2])
    np.testing.assert_allclose(run.by_learner["gap_mean"], [0.0015, 0.0035, 0.002], rtol=1e-6)
    np.testing.assert_allclose(run.by_learner["queued"], [0.2, 0.2, 0])
    np.testing.assert_allclose(run.by_class["weight"], [6 / 11, 3 / 22, 7 / 22])
    np.testing.assert_allclose(run.by_class["share"], [1 / 3, 1 / 6, 1 / 2])
    # Of K, and of 2K updates.
    np.testing.assert_allclose(run.distance_by_window, [(0.8 - 1 / 3) / 2, 7 / 33])
    np.testing.assert_array_equal(run.staleness[[0, 66, 67, 100, 200]], [0, 0, 1, 1, 6])


def test_a_window_may_be_several_rounds(write):
    assert figures(write(), 2)["window_distance"] == pytest.approx(7 / 33)
    assert math.isnan(figures(write(), 3)["window_distance"])


def test_the_last_window_is_left_out_where_it_is_not_full(write):
    assert figures(write(rows=ROWS[:5]))["window_distance"] == pytest.approx(0, abs=1e-12)


def test_a_round_of_each_learner_once_is_fair(write):
    found = figures(write(rows=FAIR, accuracy=[[0.9, 0.6, 0.5]]))
    fair = {"updates_ratio": 1, "jain": 1, "overweight": 1, "underweight": 1, "class_distance": 0, "window_distance": 0}
    assert {name: found[name] for name in fair} == pytest.approx(fair, abs=1e-12)
    # Rounding is no distance.
    assert (found["class_distance"], found["window_distance"]) == (0, 0)
    assert math.isnan(found["weight_accuracy_correlation"])


def test_weighting_by_samples_weighs_the_updates(write):
    # Shards of 8 and 4: each learner once weighs the classes as they are, but only with the samples' weights.
    rows = [(1, 0, 1, 0.1, 0, 0.0, 1.0, 0.0), (2, 0, 1, 0.1, 0, 0.0, 1.0, 0.0), (3, 0, 1, 0.1, 0, 0.0, 1.0, 0.0)]
    counts = [[8, 0, 0], [0, 4, 0], [0, 0, 4]]
    assert figures(write(rows=rows, counts=counts, weighting="samples"))["class_distance"] == pytest.approx(0)
    # 1/3 each instead of 1/2, 1/4, 1/4.
    assert figures(write(rows=rows, counts=counts))["class_distance"] == pytest.approx(1 / 6)


def test_the_order_of_the_learners_rows_does_not_matter(write):
    path = write()
    with h5py.File(path, "r+") as file:
        for name in ("learner", "label_counts", "compute_s", "wait_s"):
            file["learners"][name][...] = file["learners"][name][()][[2, 0, 1]]
    assert figures(path) == pytest.approx(EXPECTED)


def test_a_learner_that_was_never_used_leaves_the_ratio_undefined(write):
    found = figures(write(rows=ROWS[:2]))
    assert (found["updates_min"], found["updates_max"], found["jain"]) == (0, 1, pytest.approx(2 / 3))
    assert math.isnan(found["updates_ratio"])


@pytest.mark.parametrize("seed", range(3))
def test_correlation_and_quantiles_are_the_libraries(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 30))
    x[3], y[5] = np.nan, np.inf
    known = np.isfinite(x) & np.isfinite(y)
    assert indices.correlation(x, y) == pytest.approx(stats.pearsonr(x[known], y[known]).statistic)
    # At 0.95 of 29 values the 28th, at 0.5 the 15th.
    np.testing.assert_array_equal(indices.quantiles(x, (0.5, 0.95)), np.sort(x)[[14, 27]])


def test_two_classes_always_lie_on_a_line_so_their_correlation_is_undefined():
    assert math.isnan(indices.correlation(np.array([0.5, 1.5, NAN]), np.array([0.1, 0.2, 0.3])))


def test_the_95_percent_of_a_run_is_not_its_highest(write):
    # Staleness 1 to 40: the 38th.
    rows = [(1, i, 1, 0.1, i + 1, 0.001 * (i + 1), i + 1.0, 0.0) for i in range(40)]
    found = figures(write(rows=rows))
    assert (found["staleness_median"], found["staleness_95"], found["staleness_max"]) == (20, 38, 40)
    assert found["gap_95"] == pytest.approx(0.038)


def test_large_tables_are_taken_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    table, shard = rng.random((17, 4)), indices.normalised(rng.random((4, 3)))
    whole = indices.mean_distance(table, shard, shard.mean(axis=0))
    monkeypatch.setattr(indices, "_BLOCK", 15)
    assert indices.mean_distance(table, shard, shard.mean(axis=0)) == pytest.approx(whole)


def test_the_tables(write, tmp_path, capsys):
    write("a.h5")
    write("b.h5", rows=FAIR, accuracy=[[0.9, 0.6, 0.7]], seed=2)
    assert fairness.main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    # The means of (1, 3), (3, 3), (3, 1), ...; the correlation is the first run's alone.
    expected = ["DSGD", "2", "2", "3", "2.00", "0.929", "0.5", "1.32", "0.82", "0.106", "0.117"]
    assert lines[1].split() == [*expected, "55.00", "90.00", "35.00", "+1.00"]
    assert lines[4].split()[:6] == ["DSGD", "2", "1.00", "0.5", "3", "3"]
    # 30 % and 9 of 27 s.
    assert lines[4].split()[-3:] == ["63.3", "31.7", "6.7"]
    assert lines[6].startswith("each figure is the mean of the seeds' own")


def test_the_table_of_runs_names_classes(write, capsys):
    assert fairness.main([str(write()), "--runs"]) == 0
    row = capsys.readouterr().out.splitlines()[1]
    figures = "1  3  3.00  0.857  1  1.64 (0)  0.64 (2)  0.212  0.233  50.00 (2)  90.00 (0)  40.00  +1.00"
    assert row.split() == ["DSGD", "a.h5", "1", *figures.split()]


def test_settings_are_shown_apart(write, tmp_path, capsys):
    write("a.h5", speeds="")
    write("b.h5", speeds="spread:5")
    assert fairness.main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(":")] == ["even speeds:", "speeds spread:5:"]
    assert sum(line.startswith("DSGD") for line in lines) == 4


def test_a_running_seed_counts_only_where_none_has_ended(write, tmp_path, capsys):
    running = write("a.h5", rows=ROWS[:3], status="running", accuracy=[])
    assert fairness.main([str(running)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["DSGD", "1", "1", "1"]
    write("b.h5", seed=2, status="diverged")
    assert fairness.main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:4] == ["DSGD", "1", "1", "3"]
    assert lines[-2:] == [
        "note: a.h5: running, 0 of 2 epochs so far",
        "note: b.h5: diverged, 2 of 2 epochs",
    ]


def test_methods_with_rules_of_their_own_are_named(write, tmp_path, capsys):
    write("a.h5", method="ringleader")
    write("b.h5", method="fedbuff", discount_stale=True)
    write("c.h5", method="fedbuff", discount_stale=False, seed=2, speeds="spread:5")
    write("d.h5", method="mine.py:Mine")
    assert fairness.main([str(tmp_path)]) == 0
    (note,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("note:"))
    assert note.startswith("note: FedBuff, mine.py:Mine, Ringleader: gradients are, or may be, scaled")


def test_the_same_run_told_twice_is_named(write, tmp_path, capsys):
    write("a.h5")
    write("b.h5")
    assert fairness.main([str(tmp_path)]) == 0
    assert (
        "note: b.h5: left out, another file has a run of the same configuration and seed 1" in capsys.readouterr().out
    )


def test_json_has_everything_in_full_precision(write, capsys):
    path = write(accuracy=[], status="running")
    assert fairness.main([str(path), "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    (cell,) = document["cells"]
    (run,) = cell["runs"]
    assert (cell["method"], cell["setting"], cell["seeds"], document["window"]) == ("DSGD", {}, [1], 1)
    assert (run["file"], run["status"], run["overweight_class"], run["worst_accuracy_class"]) == (
        *(str(path), "running", 0, None),
    )
    undefined = {"worst_accuracy", "best_accuracy", "accuracy_spread", "weight_accuracy_correlation"}
    assert run["figures"] == cell["figures"]
    for name, value in EXPECTED.items():
        assert run["figures"][name] == (None if name in undefined else pytest.approx(value))
    assert run["by_class"]["accuracy"] == [None] * 3
    assert len(run["staleness"]) == len(document["fractions"])
    assert captured.err == "note: a.h5: running, 0 of 2 epochs so far\n"


def test_csv_has_a_row_for_each_cell_or_run(write, tmp_path, capsys):
    write("a.h5", speeds="spread:5")
    write("b.h5", seed=2, speeds="spread:5", rows=ROWS[:2])
    write("c.h5", method="gsgm", speeds="")
    assert fairness.main([str(tmp_path), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["method"], row["setting"], row["seeds"]) for row in rows] == [
        ("GSGM", "even speeds", "1"),
        ("DSGD", "speeds spread:5", "2"),
    ]
    assert float(rows[0]["class_distance"]) == pytest.approx(7 / 33, rel=1e-14)
    assert float(rows[1]["updates_ratio"]) == 3
    assert fairness.main([str(tmp_path), "--csv", "--runs"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["seed"], row["overweight_class"], row["updates_ratio"]) for row in rows] == [
        *(("1", "0", "3.0"), ("1", "0", "3.0"), ("2", "0", "")),
    ]


def spoilt(tmp_path, write):
    """Files that cannot be read, each with its reason."""
    foreign = write("foreign.h5")
    with h5py.File(foreign, "r+") as file:
        file["updates/learner"][0] = 7
    yield foreign, "/updates/learner names a learner that /learners does not have"
    lacking = write("lacking.h5")
    remove(lacking, "updates/gap")
    yield lacking, "has no data set /updates/gap"
    odd = write("odd.h5")
    replace(odd, "updates/lr", [0.1])
    yield odd, "/updates/lr is not one number a row"
    classes = write("classes.h5")
    replace(classes, "epochs/class_accuracy", np.zeros((2, 5)))
    yield classes, "/epochs/class_accuracy and /learners/label_counts differ in classes"
    flat = write("flat.h5")
    replace(flat, "learners/label_counts", [1, 2, 3])
    yield flat, "/learners/label_counts is not a table of numbers with as many rows as /learners"
    truncated = write("truncated.h5")
    truncated.write_bytes(truncated.read_bytes()[:-4000])
    yield truncated, "damaged or truncated HDF5 file"
    text = tmp_path / "text.h5"
    text.write_text("no results")
    yield text, "not an HDF5 file"


@pytest.mark.parametrize("output", [[], ["--runs"], ["--json"], ["--csv"]])
def test_bad_and_empty_files_stop_nothing(write, tmp_path, capsys, output):
    bad = dict(spoilt(tmp_path, write))
    good = write("good.h5")
    begun = write("begun.h5", rows=[], accuracy=[], status="running", method="gsgm")
    for name in ("learner", "compute_s", "wait_s"):
        replace(begun, f"learners/{name}", np.zeros(0))
    empty = write("empty.h5", rows=[], accuracy=[], status="running", method="ssgd")
    dead = write("dead.h5", rows=[(1, 0, 1, 0.0, 0, NAN, 0.0, 0.0)], accuracy=[[NAN] * 3], counts=[[0] * 3] * 3, seed=2)
    picture = tmp_path / "a.png"
    paths = [str(path) for path in (*bad, begun, empty, dead, good)]
    # One figure is enough: it does not depend on what is printed.
    assert fairness.main([*paths, *output, *([] if output else ["--plot", str(picture)])]) == 1
    captured = capsys.readouterr()
    told = [line for line in captured.err.splitlines() if line.startswith("cannot read")]
    for line, (path, reason) in zip(told, bad.items(), strict=True):
        assert line.startswith(f"cannot read {path}: {reason}")
    assert "DSGD" in captured.out
    assert "nan" not in captured.out.lower()
    assert picture.exists() == (not output)


def test_only_unreadable_files_give_no_table(tmp_path, capsys):
    picture = tmp_path / "a.png"
    assert fairness.main([str(tmp_path / "none.h5"), "--plot", str(picture)]) == 1
    assert capsys.readouterr().out == ""
    assert not picture.exists()


def test_the_figure_of_several_settings_and_seeds(write, tmp_path):
    for i, (method, seed, speeds) in enumerate((("gsgm", 1, ""), ("gsgm", 2, ""), ("downpour", 1, "spread:5"))):
        write(f"{i}.h5", method=method, seed=seed, speeds=speeds, rows=FAIR if i else ROWS)
    picture = tmp_path / "a.pdf"
    assert fairness.main([str(tmp_path), "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "FILE"),
        (["a.h5", "--window", "0"], "--window must be at least 1, not 0"),
        (["a.h5", "--plot", "a.svgz"], "--plot must end in .png or .pdf, not 'a.svgz'"),
        (["a.h5", "--plot", "none/a.png"], "--plot: there is no folder 'none'"),
        (["a.h5", "--json", "--csv"], "not allowed with"),
    ],
)
def test_a_wrong_command_line_exits_with_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        fairness.main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
