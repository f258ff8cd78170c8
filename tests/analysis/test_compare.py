"""compare.py against figures worked out by hand."""

import csv
import io
import json
import math
import subprocess
import sys
from pathlib import Path

import compare
import h5py
import numpy as np
import pytest
from _compare_convergence import guessing
from _compare_plot import mean_curve, styles
from scipy import stats

ANALYSIS = Path(__file__).parents[2] / "analysis"
CONFIG = {"method": "gsgm", "algo": "sgd", "learners": 4, "seed": 1, "epochs": 16}


@pytest.fixture
def write(tmp_path):
    """Writes a run of one evaluation every 100 updates; keywords after ``classes`` replace its options."""

    def write_run(
        name, accuracy, status="finished", *, seconds=2.0, gradients=100, sent=1000, virtual=True, classes=10, **options
    ):
        path = tmp_path / name
        n = np.arange(1, len(accuracy) + 1)
        columns = {"epoch": n, "update": 100 * n, "gradients": gradients * n, "sent_bytes": sent * n}
        columns["wall_s"] = 7.0 * n
        columns["virtual_s"] = seconds * n if virtual else np.full(len(n), math.nan)
        columns["test_accuracy"] = np.array(accuracy, np.float64)
        if classes is not None:
            columns["class_accuracy"] = np.zeros((len(n), classes))
        with h5py.File(path, "w") as file:
            for column, values in columns.items():
                file[f"epochs/{column}"] = values
            attributes = file.create_group("provenance").attrs
            attributes["config"] = json.dumps(CONFIG | options)
            attributes["status"] = status
        return path

    return write_run


@pytest.fixture
def two_methods(write, tmp_path):
    """Two seeds of two methods: DSGD is twice as fast, computes twice the gradients and sends half the bytes."""
    write("g1.h5", [0.2, 0.5, 0.8, 0.9])
    write("g2.h5", [0.2, 0.4, 0.7, 0.8], seed=2)
    dsgd = {"method": "downpour", "seconds": 1.0, "gradients": 200, "sent": 500}
    write("d1.h5", [0.3, 0.6, 0.5, 0.6], **dsgd)
    write("d2.h5", [0.3, 0.6, 0.7, 0.7], **dsgd, seed=2)
    return tmp_path


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def document(capsys, *arguments):
    assert compare.main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def methods(capsys, *arguments):
    (setting,) = document(capsys, *arguments)["settings"]
    return {row["method"]: row for row in setting["methods"]}


def cells(capsys, *arguments):
    """What stands in each table behind a method's name: at equal cost, to the target, convergence."""
    assert compare.main([*map(str, arguments)]) == 0
    rows = [line.split() for line in lines(capsys) if line.startswith(("GSGM ", "DSGD "))]
    return [(row[0], row[1:]) for row in rows]


def test_the_tables_of_two_methods(two_methods, capsys):
    assert compare.main([str(two_methods), "--target", "0.5"]) == 0
    # All have made 400 updates and 400 gradients (DSGD 800), sent 2 kB (GSGM 4), and run 4 s (GSGM 8).
    # GSGM there: 0.9 0.8, 0.9 0.8, 0.5 0.4, 0.5 0.4; sd = 0.1 / sqrt(2), t = 12.7062, half = 0.6353.
    # DSGD: 0.6 0.7, but at 400 gradients 0.6 0.6. Half of them right: GSGM after 2 and 3 evaluations, DSGD after 2.
    # Of four evaluations the last three: 0.5 0.8 0.9 has drift 0.4, residuals 1/30 x (-1, 2, -1); 0.4 0.7 0.8 as well.
    # DSGD: 0.6 0.5 0.6 and 0.6 0.7 0.7: drift 0 and 0.1, residuals 1/30 x (1, -2, 1) and 1/60 x (-1, 2, -1): sigma
    # 0.04714 and 0.02357. All are better than in their first three.
    assert lines(capsys)[:14] == [
        "accuracy in % at equal cost, seconds by the virtual clock",
        "method  finished  at 400 updates      ±  at 400 gradients      ±  at 2.000 kB      ±  at 4.000 s      ±",
        "GSGM      2 of 2           85.00  63.53             85.00  63.53        45.00  63.53       45.00  63.53",
        "DSGD      2 of 2           65.00  63.53             60.00      -        65.00  63.53       65.00  63.53",
        "",
        "cost to 50.00 %, seconds by the virtual clock",
        "method  reached  updates  gradients     bytes  seconds  speed-up over GSGM",
        "GSGM     2 of 2      250        250  2.500 kB    5.000                1.00",
        "DSGD     2 of 2      200        400  1.000 kB    2.000                2.50",
        "",
        "convergence; means over the runs, below best, drift and sigma in percentage points",
        "method  runs are   converged  final %  peak %  below best   drift  sigma",
        "GSGM    too short          -    85.00   85.00        0.00  +40.00   4.71",
        "DSGD    too short          -    65.00   65.00        0.00   +5.00   3.54",
    ]


def test_the_rule_stands_under_the_tables_with_its_thresholds(two_methods, capsys):
    assert compare.main([str(two_methods), "--tolerance", "2", "--sigma", "0.25"]) == 0
    assert lines(capsys)[-9:] == [
        "at equal cost: the last evaluation at or before what all finished runs of the setting have spent (or --at);",
        "  ± = half the 95 % interval over seeds (Student's t); - = undefined: one seed, or a run that ended before",
        "cost to a target: up to the first evaluation that reaches it, mean over seeds; - = not all of them did",
        "speed-up = seconds of GSGM / seconds of the method",
        "converged = steady: finished, with at least 9 evaluations, and over their last quarter (the tail)",
        "  the accuracy's sigma about its least-squares line is at most 0.25 points (else oscillating),",
        "  the line rises or falls by at most 2 points (else rising, falling),",
        "  the mean is at most 2 points below that of the best stretch as long (else past its best)",
        "  and above twice chance, 2 / classes (else at chance)",
    ]


def test_the_default_target_is_of_the_best_final_mean(two_methods, capsys):
    assert compare.main([str(two_methods)]) == 0
    table = lines(capsys)[5:9]
    # 0.99 x 0.85: the first seed of GSGM reaches it, the second ends at 0.8.
    assert table[0] == "cost to 84.15 % (99 % of the best final mean, 85.00 %), seconds by the virtual clock"
    assert [row.split()[1:] for row in table[2:]] == [
        ["1", "of", "2", *"-----"],
        ["0", "of", "2", *"-----"],
    ]


def test_a_point_of_ones_own(two_methods, capsys):
    rows = cells(capsys, two_methods, "--at", "seconds=3.9", "--at", "updates=99", "--at", "gradients=401")
    # 3.9 s is the third evaluation of DSGD and the first of GSGM; none is at or before 99 updates, and GSGM ended
    # before 401 gradients. The bytes are still common.
    assert rows[:2] == [
        ("GSGM", ["2", "of", "2", "-", "-", "-", "-", "45.00", "63.53", "20.00", "-"]),
        ("DSGD", ["2", "of", "2", "-", "-", "60.00", "-", "65.00", "63.53", "60.00", "127.06"]),
    ]


def test_the_interval_is_students(write, tmp_path, capsys):
    finals = [0.71, 0.74, 0.72, 0.78]
    for seed, final in enumerate(finals):
        write(f"{seed}.h5", [0.1, final], seed=seed)
    at = methods(capsys, tmp_path)["GSGM"]["at"]["updates"]
    low, high = stats.t.interval(0.95, 3, np.mean(finals), stats.sem(finals))
    assert at["mean"] == pytest.approx((low + high) / 2)
    assert at["half_width"] == pytest.approx((high - low) / 2)


def test_a_target_is_reached_when_it_is_equalled_and_need_not_be_kept(write, capsys):
    path = write("a.h5", [0.1, 0.5, 0.3, 0.6])
    (run,) = methods(capsys, path, "--target", "0.5", "--target", "0.55")["GSGM"]["runs"]
    assert [to["updates"] for to in run["to_target"]] == [200, 400]


def test_speed_ups_are_over_the_method_asked_for(two_methods, capsys):
    rows = methods(capsys, two_methods, "--target", "0.5", "--against", "dsgd")
    assert {name: row["targets"][0]["speed_up"] for name, row in rows.items()} == {"GSGM": 0.4, "DSGD": 1.0}


def test_without_gsgm_there_is_no_speed_up(write, capsys):
    assert compare.main([str(write("a.h5", [0.5], method="downpour"))]) == 0
    assert "speed-up" not in capsys.readouterr().out


def test_a_method_that_is_not_there_is_wrong_usage(two_methods, capsys):
    with pytest.raises(SystemExit) as caught:
        compare.main([str(two_methods), "--against", "SSGD"])
    assert caught.value.code == 2
    assert "--against: no run of 'SSGD'; there are: GSGM, DSGD" in capsys.readouterr().err


def test_an_unfinished_run_does_not_count_unless_asked_for(write, tmp_path, capsys):
    write("a.h5", [0.2, 0.4, 0.6])
    write("b.h5", [0.3, 0.5], "running", seed=2)
    write("c.h5", [], "running", seed=3)
    write("d.h5", [], "running", method="downpour")
    rows = methods(capsys, tmp_path, "--target", "0.4")
    assert rows["GSGM"]["at"]["updates"]["mean"] == 0.6
    assert (rows["GSGM"]["targets"][0]["reached"], rows["GSGM"]["targets"][0]["of"]) == (1, 1)
    assert [run["used"] for run in rows["GSGM"]["runs"]] == [True, False, False]
    # At 200 updates, not at 0, as the runs that have just begun would have it: 0.4 and 0.5.
    (setting,) = document(capsys, tmp_path, "--unfinished", "--target", "0.4")["settings"]
    assert setting["point"] == {"updates": 200, "gradients": 200, "bytes": 2000, "seconds": 4}
    assert setting["methods"][0]["at"]["updates"]["mean"] == pytest.approx(0.45)
    assert setting["methods"][0]["targets"][0]["of"] == 2


def test_a_method_without_finished_runs_is_shown_with_what_it_has(write, tmp_path, capsys):
    write("a.h5", [0.2, 0.4])
    write("b.h5", [0.3, 0.5, 0.6], "running", method="downpour")
    assert cells(capsys, tmp_path, "--target", "0.5") == [
        ("GSGM", ["1", "of", "1", *["40.00", "-"] * 4]),
        ("DSGD", ["0", "of", "1", *["50.00", "-"] * 4]),
        ("GSGM", ["0", "of", "1", *"-----"]),
        ("DSGD", ["1", "of", "1", "200", "200", "2.000", "kB", "4.000", "-"]),
        ("GSGM", ["too", "short", "-", "40.00", "40.00", "-", "-", "-"]),
        # 0.3 0.5 0.6: drift 0.3, residuals 1/60 x (-1, 2, -1).
        ("DSGD", ["unfinished", "-", "60.00", "60.00", "0.00", "+30.00", "2.36"]),
    ]
    assert compare.main([str(tmp_path)]) == 0
    assert lines(capsys)[-1] == "note: b.h5: running, 3 of 16 epochs so far"


def test_without_any_finished_run_there_is_nothing_in_common(write, capsys):
    assert compare.main([str(write("a.h5", [0.2], "running"))]) == 0
    shown = lines(capsys)
    assert shown[1].split("  ")[2::2] == ["at - updates", "at - gradients", "at - bytes", "at - seconds"]
    assert shown[3] == "no common cost: no run has finished; see --unfinished"
    assert shown[5] == "no target accuracy: no run has finished, and --target was not given"


def test_a_diverged_run_leaves_its_method_without_a_mean_and_bounds_nobody(write, tmp_path, capsys):
    write("a.h5", [0.2, 0.4, 0.6])
    write("b.h5", [0.3, math.nan], "diverged", seed=2)
    write("c.h5", [0.5, 0.5, 0.6], method="downpour")
    for more in ([], ["--unfinished"]):
        rows = cells(capsys, tmp_path, "--target", "0.4", *more)
        assert rows[0] == ("GSGM", ["1", "of", "2", *"-" * 8])
        assert rows[1] == ("DSGD", ["1", "of", "1", *["60.00", "-"] * 4])
        assert rows[2] == ("GSGM", ["1", "of", "2", *"-----"])
        assert rows[4][1][:8] == ["1", "too", "short,", "1", "diverged", "0", "of", "1"]


def test_wall_clock_seconds_where_there_are_no_virtual_ones(write, tmp_path, capsys):
    write("a.h5", [0.2, 0.4], virtual=False)
    (setting,) = document(capsys, tmp_path)["settings"]
    assert (setting["clock"], setting["point"]["seconds"]) == ("wall", 14)
    # The clock is an option of the setting, so that runs of both are not compared.
    write("b.h5", [0.2, 0.4], clock="virtual")
    assert [s["clock"] for s in document(capsys, tmp_path)["settings"]] == ["wall", "virtual"]
    # Should files not tell it, all are taken by the one clock that they share.
    (tmp_path / "b.h5").unlink()
    write("c.h5", [0.2, 0.4], seed=2)
    assert compare.main([str(tmp_path)]) == 0
    shown = lines(capsys)
    assert shown[0] == "accuracy in % at equal cost, seconds by the wall clock"
    assert shown[1].endswith("at 14.00 s  ±")
    assert shown[-1] == "note: all runs: not all runs have virtual times, so wall-clock seconds"


def test_means_over_different_seeds_are_noted(write, tmp_path, capsys):
    write("a.h5", [0.2])
    write("b.h5", [0.2], method="downpour", seed=1)
    write("c.h5", [0.2], method="downpour", seed=2)
    assert compare.main([str(tmp_path)]) == 0
    assert lines(capsys)[-1] == "note: all runs: means over different seeds: GSGM 1; DSGD 1 2"


START = [0.1] * 12


@pytest.mark.parametrize(
    ("verdict", "accuracy"),
    [
        # Mean 0.805, slope 0.002, so drift 0.006; sigma = sqrt(0.005^2 - 1.25 x 0.002^2) = 0.00447.
        ("steady", [*START, 0.80, 0.81, 0.80, 0.81]),
        # Ten times that: the line explains 0.0224 of the spread, its rest is 0.0447.
        ("oscillating", [*START, 0.7, 0.8, 0.7, 0.8]),
        ("oscillating", [*START, 0.8, 0.7, 0.7, 0.8]),
        ("rising", [*START, 0.60, 0.65, 0.70, 0.75]),
        # Drift 0.345, of which 0.1286 of spread; the bend leaves a sigma of 0.0379.
        ("rising", [*START, 0.40, 0.60, 0.70, 0.75]),
        # Of the spread, the line explains 0.1118 and leaves 0.1; then 0.1118 and 0.12.
        ("rising", [*START, 0.45, 0.35, 0.45, 0.75]),
        ("oscillating", [*START, 0.47, 0.33, 0.43, 0.77]),
        # Of 17 the tail is five: a drift of 4 x 0.0026, and no line through 0.7 to 0.7.
        ("rising", [*START, 0.8000, 0.8026, 0.8052, 0.8078, 0.8104]),
        ("oscillating", [*START, 0.7, 0.8, 0.8, 0.8, 0.7]),
        ("falling", [*START, 0.75, 0.70, 0.60, 0.40]),
        # A drift of 0.012 is too much, one of 0.009 is not.
        ("rising", [*START, 0.800, 0.804, 0.808, 0.812]),
        ("steady", [*START, 0.800, 0.803, 0.806, 0.809]),
        ("past its best", [*START[4:], 0.8101, 0.8101, 0.8101, 0.8101, 0.8, 0.8, 0.8, 0.8]),
        ("steady", [*START[4:], 0.8099, 0.8099, 0.8099, 0.8099, 0.8, 0.8, 0.8, 0.8]),
        # A single peak of luck is not what it was able to do.
        ("steady", [*START[1:6], 0.9, *START[6:], 0.8, 0.8, 0.8, 0.8]),
        ("at chance", [0.1] * 16),
        ("at chance", [0.9, *START[1:], 0.2, 0.2, 0.2, 0.2]),
        ("steady", [*START, 0.201, 0.201, 0.201, 0.201]),
        # One lucky evaluation at the end makes no model of guesses.
        ("at chance", [*START, 0.1, 0.1, 0.1, 0.4]),
        ("too short", [0.8] * 8),
        ("steady", [0.8] * 9),
        ("undefined", [*START, 0.8, math.nan, 0.8, 0.8]),
        ("steady", [math.nan, *START[1:], 0.8, 0.8, 0.8, 0.8]),
        ("undefined", [math.nan] * 16),
        ("too short", []),
    ],
)
def test_the_rule_of_convergence(write, capsys, verdict, accuracy):
    row = methods(capsys, write("a.h5", accuracy))["GSGM"]
    assert row["runs"][0]["verdict"] == verdict
    told = verdict not in ("too short", "undefined")
    assert (row["converged"], row["told"]) == (int(verdict == "steady"), int(told))


@pytest.mark.parametrize(
    ("status", "verdict", "told"),
    [("running", "unfinished", 0), ("stopped", "unfinished", 0), ("failed", "unfinished", 0), ("diverged",) * 2 + (1,)],
)
def test_a_run_that_did_not_finish_has_not_converged(write, capsys, status, verdict, told):
    row = methods(capsys, write("a.h5", [0.8] * 16, status))["GSGM"]
    assert (row["runs"][0]["verdict"], row["converged"], row["told"]) == (verdict, 0, told)


def test_the_thresholds_are_options(write, capsys):
    path = write("a.h5", [*START, 0.80, 0.81, 0.80, 0.81])

    def verdict(*options):
        return methods(capsys, path, *options)["GSGM"]["runs"][0]["verdict"]

    # 0.447 points of sigma, 0.6 of drift.
    assert [verdict("--sigma", s) for s in ("0.44", "0.45")] == ["oscillating", "steady"]
    assert [verdict("--tolerance", s) for s in ("0.55", "0.65")] == ["rising", "steady"]


@pytest.mark.parametrize(("classes", "accuracy"), [(2, 0.75), (3, 2 / 3), (10, 0.2), (100, 0.02)])
def test_guessing_is_twice_chance_but_never_all(classes, accuracy):
    assert guessing(classes) == pytest.approx(accuracy)


def test_without_the_number_of_classes_chance_is_not_known(write, capsys):
    row = methods(capsys, write("a.h5", [0.1] * 16, classes=None))["GSGM"]
    assert row["runs"][0]["verdict"] == "steady"


def test_verdicts_of_several_seeds_are_counted(write, tmp_path, capsys):
    for seed, level in enumerate([0.8, 0.8, 0.1]):
        write(f"{seed}.h5", [level] * 16, seed=seed)
    write("3.h5", [0.8] * 16, "running", seed=3)
    row = cells(capsys, tmp_path)[2][1]
    assert row[:8] == ["2", "steady,", "1", "at", "chance", "2", "of", "3"]


def test_csv_has_a_row_for_each_method_and_target(two_methods, write, capsys):
    write("other.h5", [0.5], learners=8)
    arguments = [str(two_methods), "--csv", "--target", "0.5", "--target", "0.75"]
    assert compare.main(arguments) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["setting"], row["method"], row["target"], row["reached"]) for row in rows] == [
        *(("K = 4", "GSGM", "0.5", "2"), ("K = 4", "GSGM", "0.75", "2")),
        *(("K = 4", "DSGD", "0.5", "2"), ("K = 4", "DSGD", "0.75", "0")),
        *(("K = 8", "GSGM", "0.5", "1"), ("K = 8", "GSGM", "0.75", "0")),
    ]
    first, last = rows[0], rows[3]
    assert float(first["seconds"]) == 4
    assert float(first["seconds_accuracy"]) == pytest.approx(0.45)
    assert float(first["seconds_half_width"]) == pytest.approx(stats.t.ppf(0.975, 1) * 0.05)
    assert float(first["bytes_to_target"]) == 2500
    assert float(rows[2]["speed_up"]) == 2.5
    assert (last["seconds_to_target"], last["speed_up"], last["verdicts"]) == ("", "", "too short")
    # Without a target there is still a row.
    for path in two_methods.glob("*.h5"):
        path.unlink()
    assert compare.main([str(write("a.h5", [0.5], "running")), "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["method"], row["target"], row["updates"], row["final"]) == ("GSGM", "", "", "0.5")


def test_an_unreadable_file_stops_nothing(write, tmp_path, capsys):
    good = write("good.h5", [0.2, 0.4])
    write("empty.h5", [], "running", seed=2)
    write("nan.h5", [math.nan] * 3, "failed", seed=3)
    (tmp_path / "foreign.h5").write_text("epoch,accuracy\n")
    (tmp_path / "truncated.h5").write_bytes(good.read_bytes()[:-1000])
    with h5py.File(write("old.h5", [0.2]), "a") as file:
        del file["epochs/sent_bytes"]
    with h5py.File(write("odd.h5", [0.2]), "a") as file:
        del file["epochs/wall_s"]
        file["epochs/wall_s"] = [1.0, 2.0]
    for options in ([], ["--json"], ["--csv"], ["--unfinished"], ["--plot", str(tmp_path / "a.png")]):
        assert compare.main([str(tmp_path), *options]) == 1
        captured = capsys.readouterr()
        told = [line for line in captured.err.splitlines() if not line.startswith("note: ")]
        assert [line.split(": ")[0].rpartition("/")[2] for line in told] == [
            *("foreign.h5", "truncated.h5", "odd.h5", "old.h5"),
        ]
        assert told[0].endswith("not an HDF5 file")
        assert told[2].endswith("/epochs/wall_s is not one number an epoch")
        assert told[3].endswith("has no data set /epochs/sent_bytes")
        assert "GSGM" in captured.out
    unreadable = [tmp_path / name for name in ("foreign.h5", "none.h5")]
    assert compare.main([*map(str, unreadable), "--plot", str(tmp_path / "b.png"), "--against", "SSGD"]) == 1
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "b.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "FILE"),
        (["--at", "hours=1"], "is not COST=VALUE with one of updates, gradients, bytes, seconds"),
        (["--at", "seconds"], "'' is not a number above 0"),
        (["--at", "seconds=nan"], "'nan' is not a number above 0"),
        (["--at", "seconds=1", "--at", "seconds=2"], "--at: each cost only once"),
        (["--target", "95"], "'95' is not a fraction, e.g. 0.95"),
        (["--target", "0"], "'0' is not a number above 0"),
        (["--tolerance", "-1"], "'-1' is not a number above 0"),
        (["--plot", "a.svg"], "--plot must end in .png or .pdf, not 'a.svg'"),
        (["--plot", "none/a.png"], "--plot: there is no folder 'none'"),
        (["--json", "--csv"], "not allowed with"),
    ],
)
def test_a_wrong_command_line_exits_with_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        compare.main(["a.h5", *arguments] if arguments else [])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_plot_is_written_whatever_the_curves(write, tmp_path, capsys, suffix, start):
    # None at all, all NaN, one point, perfect, and one of another setting.
    curves = [[], [math.nan] * 2, [0.5], [0.5, 1.0], [0.2, math.nan, 0.4]]
    files = [str(write(f"{i}.h5", curve, learners=4 + i // 4, method=f"m{i}")) for i, curve in enumerate(curves)]
    for number in (1, 2, 3, 5):
        path = tmp_path / f"{number}.{suffix}"
        assert compare.main([*files[:number], "--plot", str(path)]) == 0
        assert path.read_bytes().startswith(start)
    (tmp_path / "folder.png").mkdir()
    assert compare.main([files[0], "--plot", str(tmp_path / "folder.png")]) == 1
    assert capsys.readouterr().err == f"cannot write {tmp_path / 'folder.png'}: Is a directory\n"


def test_no_two_methods_of_many_look_the_same():
    names = [f"M{i}" for i in range(40)]
    looks = styles(names)
    assert list(looks) == names
    assert len({str(look) for look in looks.values()}) == 40


def test_a_curve_is_the_mean_evaluation_by_evaluation(two_methods, write, monkeypatch):
    write("g3.h5", [0.6, 0.6], "diverged", seconds=5.0, seed=3)
    drawn = []
    monkeypatch.setattr("_compare_plot.plot", lambda groups, _: drawn.extend(groups))
    assert compare.main([str(two_methods), "--plot", str(two_methods / "a.png")]) == 0
    spent, accuracy = mean_curve(drawn[0].rows[0], "seconds", "virtual")
    # 2 4, 2 4 and 5 10 seconds; 0.2 0.5, 0.2 0.4 and 0.6 0.6.
    np.testing.assert_allclose(spent, [3, 6])
    np.testing.assert_allclose(accuracy, [1 / 3, 0.5])


def test_it_runs_from_any_folder_without_the_program(write, tmp_path):
    path = write("a.h5", [0.2, 0.4])
    code = (
        "import runpy, sys; sys.argv = sys.argv[1:]\n"
        "sys.path[0] = sys.argv[0].rpartition('/')[0]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "print(sorted({'gsgm_mpi', 'torch', 'mpi4py', 'matplotlib', 'scipy'} & set(sys.modules)))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code, str(ANALYSIS / "compare.py"), path.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.splitlines()[2].startswith("GSGM")
    assert finished.stdout.splitlines()[-1] == "[]"
