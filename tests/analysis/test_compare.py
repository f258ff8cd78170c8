"""compare.py against figures worked out by hand: accuracy at equal cost, and the cost to a target."""

import math

import compare
import numpy as np
import pytest
from scipy import stats

from tests.analysis.compared import cells, document, lines, methods


def test_the_tables_of_two_methods(two_compared, capsys):
    assert compare.main([str(two_compared), "--target", "0.5"]) == 0
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


def test_the_rule_stands_under_the_tables_with_its_thresholds(two_compared, capsys):
    assert compare.main([str(two_compared), "--tolerance", "2", "--sigma", "0.25"]) == 0
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


def test_the_default_target_is_of_the_best_final_mean(two_compared, capsys):
    assert compare.main([str(two_compared)]) == 0
    table = lines(capsys)[5:9]
    # 0.99 x 0.85: the first seed of GSGM reaches it, the second ends at 0.8.
    assert table[0] == "cost to 84.15 % (99 % of the best final mean, 85.00 %), seconds by the virtual clock"
    assert [row.split()[1:] for row in table[2:]] == [
        ["1", "of", "2", *"-----"],
        ["0", "of", "2", *"-----"],
    ]


def test_a_point_of_ones_own(two_compared, capsys):
    rows = cells(capsys, two_compared, "--at", "seconds=3.9", "--at", "updates=99", "--at", "gradients=401")
    # 3.9 s is the third evaluation of DSGD and the first of GSGM; none is at or before 99 updates, and GSGM ended
    # before 401 gradients. The bytes are still common.
    assert rows[:2] == [
        ("GSGM", ["2", "of", "2", "-", "-", "-", "-", "45.00", "63.53", "20.00", "-"]),
        ("DSGD", ["2", "of", "2", "-", "-", "60.00", "-", "65.00", "63.53", "60.00", "127.06"]),
    ]


def test_the_interval_is_students(write_compared, tmp_path, capsys):
    finals = [0.71, 0.74, 0.72, 0.78]
    for seed, final in enumerate(finals):
        write_compared(f"{seed}.h5", [0.1, final], seed=seed)
    at = methods(capsys, tmp_path)["GSGM"]["at"]["updates"]
    low, high = stats.t.interval(0.95, 3, np.mean(finals), stats.sem(finals))
    assert at["mean"] == pytest.approx((low + high) / 2)
    assert at["half_width"] == pytest.approx((high - low) / 2)


def test_a_target_is_reached_when_it_is_equalled_and_need_not_be_kept(write_compared, capsys):
    path = write_compared("a.h5", [0.1, 0.5, 0.3, 0.6])
    (run,) = methods(capsys, path, "--target", "0.5", "--target", "0.55")["GSGM"]["runs"]
    assert [to["updates"] for to in run["to_target"]] == [200, 400]


def test_speed_ups_are_over_the_method_asked_for(two_compared, capsys):
    rows = methods(capsys, two_compared, "--target", "0.5", "--against", "dsgd")
    assert {name: row["targets"][0]["speed_up"] for name, row in rows.items()} == {"GSGM": 0.4, "DSGD": 1.0}


def test_without_gsgm_there_is_no_speed_up(write_compared, capsys):
    assert compare.main([str(write_compared("a.h5", [0.5], method="downpour"))]) == 0
    assert "speed-up" not in capsys.readouterr().out


def test_a_method_that_is_not_there_is_wrong_usage(two_compared, capsys):
    with pytest.raises(SystemExit) as caught:
        compare.main([str(two_compared), "--against", "SSGD"])
    assert caught.value.code == 2
    assert "--against: no run of 'SSGD'; there are: GSGM, DSGD" in capsys.readouterr().err


def test_an_unfinished_run_does_not_count_unless_asked_for(write_compared, tmp_path, capsys):
    write_compared("a.h5", [0.2, 0.4, 0.6])
    write_compared("b.h5", [0.3, 0.5], "running", seed=2)
    write_compared("c.h5", [], "running", seed=3)
    write_compared("d.h5", [], "running", method="downpour")
    rows = methods(capsys, tmp_path, "--target", "0.4")
    assert rows["GSGM"]["at"]["updates"]["mean"] == 0.6
    assert (rows["GSGM"]["targets"][0]["reached"], rows["GSGM"]["targets"][0]["of"]) == (1, 1)
    assert [run["used"] for run in rows["GSGM"]["runs"]] == [True, False, False]
    # At 200 updates, not at 0, as the runs that have just begun would have it: 0.4 and 0.5.
    (setting,) = document(capsys, tmp_path, "--unfinished", "--target", "0.4")["settings"]
    assert setting["point"] == {"updates": 200, "gradients": 200, "bytes": 2000, "seconds": 4}
    assert setting["methods"][0]["at"]["updates"]["mean"] == pytest.approx(0.45)
    assert setting["methods"][0]["targets"][0]["of"] == 2


def test_a_method_without_finished_runs_is_shown_with_what_it_has(write_compared, tmp_path, capsys):
    write_compared("a.h5", [0.2, 0.4])
    write_compared("b.h5", [0.3, 0.5, 0.6], "running", method="downpour")
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


def test_without_any_finished_run_there_is_nothing_in_common(write_compared, capsys):
    assert compare.main([str(write_compared("a.h5", [0.2], "running"))]) == 0
    shown = lines(capsys)
    assert shown[1].split("  ")[2::2] == ["at - updates", "at - gradients", "at - bytes", "at - seconds"]
    assert shown[3] == "no common cost: no run has finished; see --unfinished"
    assert shown[5] == "no target accuracy: no run has finished, and --target was not given"


def test_a_diverged_run_leaves_its_method_without_a_mean_and_bounds_nobody(write_compared, tmp_path, capsys):
    write_compared("a.h5", [0.2, 0.4, 0.6])
    write_compared("b.h5", [0.3, math.nan], "diverged", seed=2)
    write_compared("c.h5", [0.5, 0.5, 0.6], method="downpour")
    for more in ([], ["--unfinished"]):
        rows = cells(capsys, tmp_path, "--target", "0.4", *more)
        assert rows[0] == ("GSGM", ["1", "of", "2", *"-" * 8])
        assert rows[1] == ("DSGD", ["1", "of", "1", *["60.00", "-"] * 4])
        assert rows[2] == ("GSGM", ["1", "of", "2", *"-----"])
        assert rows[4][1][:8] == ["1", "too", "short,", "1", "diverged", "0", "of", "1"]


def test_wall_clock_seconds_where_there_are_no_virtual_ones(write_compared, tmp_path, capsys):
    write_compared("a.h5", [0.2, 0.4], virtual=False)
    (setting,) = document(capsys, tmp_path)["settings"]
    assert (setting["clock"], setting["point"]["seconds"]) == ("wall", 14)
    # The clock is an option of the setting, so that runs of both are not compared.
    write_compared("b.h5", [0.2, 0.4], clock="virtual")
    assert [s["clock"] for s in document(capsys, tmp_path)["settings"]] == ["wall", "virtual"]
    # Should files not tell it, all are taken by the one clock that they share.
    (tmp_path / "b.h5").unlink()
    write_compared("c.h5", [0.2, 0.4], seed=2)
    assert compare.main([str(tmp_path)]) == 0
    shown = lines(capsys)
    assert shown[0] == "accuracy in % at equal cost, seconds by the wall clock"
    assert shown[1].endswith("at 14.00 s  ±")
    assert shown[-1] == "note: all runs: not all runs have virtual times, so wall-clock seconds"


def test_means_over_different_seeds_are_noted(write_compared, tmp_path, capsys):
    write_compared("a.h5", [0.2])
    write_compared("b.h5", [0.2], method="downpour", seed=1)
    write_compared("c.h5", [0.2], method="downpour", seed=2)
    assert compare.main([str(tmp_path)]) == 0
    assert lines(capsys)[-1] == "note: all runs: means over different seeds: GSGM 1; DSGD 1 2"
