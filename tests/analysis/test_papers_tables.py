"""tables.py against figures worked out by hand."""

import csv
import io
import math
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tables

ANALYSIS = Path(__file__).parents[2] / "analysis"


def run(capsys, *arguments, code=0):
    """The lines that the script prints."""
    assert tables.main([*map(str, arguments), "--window", "2"]) == code
    return capsys.readouterr().out.splitlines()


def rows(capsys, *arguments):
    """The rows of CSV by quantity, method and rival."""
    lines = run(capsys, *arguments, "--format", "csv")
    found = csv.DictReader(io.StringIO("\n".join(lines)))
    return {(row["quantity"], row["method"], row["rival"], row["setting"]): row for row in found}


def numbers(row, *names):
    return [float(row[name]) if row[name] else math.nan for name in names]


# Values 1, 2, 3 have mean 2, sd 1, interval 2 ± 4.30265 / sqrt(3) = 2 ± 2.48414; p = 1 - sqrt(12 / 14) = 0.07418.
# Values 1, 1.1, 1.2 have mean 1.1, interval ± 0.24841, t = 11 sqrt(3): p = 1 - sqrt(363 / 365) = 0.00274.
HALF = 2.484138
P = 1 - math.sqrt(12 / 14)
SMALL_P = 1 - math.sqrt(363 / 365)


def test_the_table_of_absolute_figures(three_methods, tmp_path, capsys):
    # PSGD-1's peaks: mean 80.9, sd 0.9, interval ± 0.9 x 2.48414 = 2.24. DSGD's are all the same.
    # DSGD's sigmas 2, 4, 8: mean 14/3, sd sqrt(28/3) = 3.05505, interval ± 7.589.
    assert run(capsys, tmp_path)[:6] == [
        "all runs: cifar10, lenet, sgd, sorted, K = 4, even speeds, epochs 2",
        "",
        "Absolute figures",
        "method  seeds        peak %       final %      sigma all      sigma run  sigma tail",
        "GSGM        3  82.00 ± 2.48  82.00 ± 2.48      1.000 ± -      1.000 ± -           -",
        "DSGD        3     80.00 ± -     80.00 ± -  4.667 ± 7.589  4.667 ± 7.589           -",
    ]


def test_the_tables_of_gains(three_methods, tmp_path, capsys):
    # The logs of GSGM's sigmas over DSGD's are -1, -2, -3 times ln 2: mean gain 1 - 1/4, interval from
    # 1 - 2^(-2 + 2.48414) = -0.3987 to 1 - 2^(-2 - 2.48414) = 0.9553. Over PSGD-1's always 1/2: no interval.
    lines = run(capsys, tmp_path, "--stability", "all")
    start = lines.index(
        "Accuracy, peak: gain of GSGM over each rival in points (the GSGM paper's Table 2, Acc in Table 4)"
    )
    assert lines[start + 1 :] == [
        "setting             DSGD          PSGD-1",
        "all runs       +2.00 (3)      +1.10* (3)",
        "          [-0.48, +4.48]  [+0.85, +1.35]",
        "           0.074 / 0.074   0.003 / 0.005",
        "gain: highest test accuracy of any epoch, less the rival's; mean over the pairs",
        "*: p < 0.05 after Holm's correction over this table (tests made: 2): chance alone gives it any star in "
        "at most 5 % of cases",
        "",
        "Stability, sigma all: gain of GSGM over each rival in % (the GSGM paper's Tables 3 and 4)",
        "setting               DSGD      PSGD-1",
        "all runs        +75.00 (3)  +50.00 (3)",
        "          [-39.87, +95.53]",
        "             0.074 / 0.074",
        "sigma all: standard deviation (ddof=0) of the test accuracy over all epochs",
        "gain: 1 - sigma / rival's sigma; over pairs 1 - geometric mean of the ratios, interval and test on their logs",
        "*: p < 0.05 after Holm's correction over this table (tests made: 1): chance alone gives it any star in "
        "at most 5 % of cases",
        "",
        "gains: the own method against a rival of the same seed (number of such pairs)",
        "below a gain: [95 % interval, Student t]; p of the paired t test / p after Holm's correction",
        "gains without interval and p: below 2 pairs, or all pairs the same",
        "note: with 3 seeds an interval reaches 2.5 standard deviations to each side: only large differences can be "
        "told from chance",
    ]


def test_csv_has_full_precision(three_methods, tmp_path, capsys):
    found = rows(capsys, tmp_path)
    gain = found["peak_accuracy", "GSGM", "DSGD", ""]
    assert (gain["kind"], gain["unit"], gain["n"], gain["seeds"], gain["diverged"]) == (
        *("comparison", "points", "3", "1 2 3", "0"),
    )
    figures = numbers(gain, "mean", "low", "high", "sd", "p", "p_holm")
    assert figures == pytest.approx([2, 2 - HALF, 2 + HALF, 1, P, P], rel=1e-6)
    better = numbers(found["peak_accuracy", "GSGM", "PSGD-1", ""], "p", "p_holm")
    assert better == pytest.approx([SMALL_P, 2 * SMALL_P], rel=1e-6)
    ratio = found["sigma_running", "GSGM", "DSGD", ""]
    assert (ratio["kind"], ratio["unit"]) == ("comparison", "%")
    expected = [75, 100 * (1 - 2 ** (HALF - 2)), 100 * (1 - 2 ** (-2 - HALF)), math.log(2), P, P]
    assert numbers(ratio, "mean", "low", "high", "sd", "p", "p_holm") == pytest.approx(expected, rel=1e-6)
    cell = found["peak_accuracy", "PSGD-1", "", ""]
    assert (cell["kind"], cell["unit"], cell["n"], cell["p"], cell["p_holm"]) == ("cell", "%", "3", "", "")
    expected = [80.9, 80.9 - 0.9 * HALF, 80.9 + 0.9 * HALF, 0.9]
    assert numbers(cell, "mean", "low", "high", "sd") == pytest.approx(expected, rel=1e-6)
    assert found["sigma_tail", "PSGD-1", "", ""]["mean"] == ""


def test_the_gain_of_the_other_side(three_methods, tmp_path, capsys):
    found = rows(capsys, tmp_path, "--own", "dsgd")
    # 1 - 4: what GSGM has a quarter of, DSGD has four times; the same p.
    assert numbers(found["sigma_all", "DSGD", "GSGM", ""], "mean", "p") == pytest.approx([-300, P])
    assert numbers(found["peak_accuracy", "DSGD", "GSGM", ""], "mean", "p") == pytest.approx([-2, P])


def test_peak_or_final_accuracy(write_run, tmp_path, capsys):
    write_run("a.h5", [0.9, 0.5], epochs=2)
    write_run("b.h5", [0.4, 0.6], epochs=2, method="downpour")
    assert numbers(rows(capsys, tmp_path)["peak_accuracy", "GSGM", "DSGD", ""], "mean") == pytest.approx([30])
    found = rows(capsys, tmp_path, "--accuracy", "final")
    assert numbers(found["final_accuracy", "GSGM", "DSGD", ""], "mean") == pytest.approx([-10])
    assert ("peak_accuracy", "GSGM", "DSGD", "") not in found
    assert ("peak_accuracy", "GSGM", "", "") in found


def test_the_definitions_of_sigma(write_run, tmp_path, capsys):
    # As in test_stability.py: 0.22361, 0.1 and 0 for a line; 0.25981, 0.8 / 3 and 0.23570 for a zigzag.
    write_run("a.h5", [0.1, 0.7, 0.1, 0.5])
    write_run("b.h5", [0.2, 0.4, 0.6, 0.8], method="downpour")
    found = rows(capsys, tmp_path)
    gains = [found[f"sigma_{name}", "GSGM", "DSGD", ""] for name in ("all", "running", "tail")]
    expected = [100 * (1 - math.sqrt(0.0675 / 0.05)), 100 * (1 - 8 / 3), math.nan]
    assert [numbers(gain, "mean")[0] for gain in gains] == pytest.approx(expected, nan_ok=True)
    assert [gain["n"] for gain in gains] == ["1", "1", "0"]
    lines = run(capsys, tmp_path, "--stability", "tail", "--stability", "all", "--stability", "tail")
    assert lines[3].split() == ["method", "seeds", "peak", "%", "final", "%", "sigma", "tail", "sigma", "all"]
    assert [line.split(":")[0] for line in lines if line.startswith("Stability")] == [
        *("Stability, sigma tail", "Stability, sigma all"),
    ]
    assert "pairs that do not count because a sigma is 0 or undefined: 1" in lines
    assert any(line.startswith("note: one seed only") for line in lines)
    assert not any("[" in line or line.startswith("*") for line in lines)


def test_a_window_is_stated(three_methods, tmp_path, capsys):
    text = "\n".join(run(capsys, tmp_path, "--stability", "running"))
    assert text.count("within each 2 successive epochs") == 2
    assert tables.main([str(tmp_path), "--window", "3", "--stability", "running"]) == 0
    assert "-" in capsys.readouterr().out.splitlines()[4].split()[-1]


def test_only_common_seeds_are_paired(write_seeds, write_run, tmp_path, capsys):
    write_seeds("gsgm", (0.81, 0.01), (0.82, 0.01), (0.83, 0.01))
    for seed, peak in ((2, 0.80), (3, 0.80), (9, 0.10)):
        write_run(f"d{seed}.h5", [0.1, peak], method="downpour", seed=seed, epochs=2)
    gain = rows(capsys, tmp_path)["peak_accuracy", "GSGM", "DSGD", ""]
    assert (gain["seeds"], gain["n"]) == ("2 3", "2")
    assert numbers(gain, "mean") == pytest.approx([2.5])


def test_no_common_seed_gives_no_gain(write_seeds, tmp_path, capsys):
    write_seeds("gsgm", (0.81, 0.01), seed=1)
    write_seeds("downpour", (0.80, 0.01), seed=2)
    assert "all runs  - (0)" in run(capsys, tmp_path)
    assert rows(capsys, tmp_path)["peak_accuracy", "GSGM", "DSGD", ""]["mean"] == ""


def test_holm_takes_all_settings_of_a_table_together(write_seeds, tmp_path, capsys):
    for learners in (20, 10):
        write_seeds("gsgm", (0.81, 0.01), (0.82, 0.01), (0.83, 0.01), prefix=learners, learners=learners)
    write_seeds("downpour", (0.80, 0.02), (0.80, 0.04), (0.80, 0.08), prefix=10, learners=10)
    write_seeds("k-avg", *[(peak, 0.02) for peak in (0.80, 0.809, 0.818)], prefix=20, learners=20)
    found = rows(capsys, tmp_path)
    assert numbers(found["peak_accuracy", "GSGM", "DSGD", "K = 10"], "learners", "p_holm") == pytest.approx([10, P])
    gain = found["peak_accuracy", "GSGM", "K-AVG", "K = 20"]
    assert numbers(gain, "learners", "p_holm") == pytest.approx([20, 2 * SMALL_P])
    lines = run(capsys, tmp_path)
    start = next(i for i, line in enumerate(lines) if line.startswith("Accuracy"))
    assert [line.split() for line in lines[start + 1 : start + 6 : 3]] == [
        ["setting", "DSGD", "K-AVG"],
        *[["0.074", "/", "0.074"]],
    ]
    assert lines[start + 5].split() == ["K", "=", "20", "-", "+1.10*", "(3)"]
    absolute = lines.index("Absolute figures")
    assert [line[:13].rstrip() for line in lines[absolute + 1 : absolute + 6]] == [
        *("setting  meth", "K = 10   GSGM", "         DSGD", "K = 20   GSGM", "         K-AV"),
    ]


def test_a_star_needs_significance_after_the_correction(write_seeds, tmp_path, capsys):
    # Gains 1, 1.5, 2 over both: t = 1.5 / (0.5 / sqrt(3)) = sqrt(27), p = 1 - sqrt(27 / 29) = 0.0351, Holm 0.0702.
    write_seeds("gsgm", (0.81, 0.01), (0.815, 0.01), (0.82, 0.01))
    write_seeds("downpour", *[(0.80, 0.01)] * 3)
    write_seeds("ssgd", *[(0.80, 0.01)] * 3)
    lines = run(capsys, tmp_path)
    start = next(i for i, line in enumerate(lines) if line.startswith("Accuracy"))
    assert lines[start + 2].split() == ["all", "runs", *["+1.50", "(3)"] * 2]
    assert lines[start + 4].split() == ["0.035", "/", "0.070"] * 2


def test_a_setting_without_the_own_method_is_named(write_seeds, tmp_path, capsys):
    write_seeds("gsgm", (0.81, 0.01), learners=10)
    write_seeds("downpour", (0.80, 0.02), learners=10)
    write_seeds("downpour", (0.80, 0.02), prefix=20, learners=20)
    assert "note: no ended run of GSGM, so nothing is compared: K = 20" in run(capsys, tmp_path)


@pytest.mark.parametrize("status", ["running", "stopped", "failed"])
def test_what_has_not_ended_is_left_out(write_seeds, write_run, tmp_path, capsys, status):
    write_seeds("downpour", (0.80, 0.02), (0.82, 0.02))
    write_run("new.h5", [0.1, 0.2], status, method="downpour", seed=3, epochs=2)
    # First in order, and the same configuration and seed as a finished run.
    write_run("again.h5", [0.1], status, method="downpour", seed=1, epochs=2)
    found = rows(capsys, tmp_path)
    assert numbers(found["peak_accuracy", "DSGD", "", ""], "mean", "n") == pytest.approx([81, 2])
    lines = run(capsys, tmp_path)
    assert f"note: new.h5: {status}, 2 of 2 epochs so far" in lines
    assert "note: runs that neither finished nor diverged are left out of all figures" in lines


def test_only_running_runs(write_run, tmp_path, capsys):
    write_run("a.h5", [0.1], "running")
    lines = run(capsys, tmp_path)
    assert lines[-1] == "note: no run has ended yet"
    assert len(run(capsys, tmp_path, "--own", "gsgm", "--format", "csv")) == 1


def test_a_diverged_run_has_accuracies_but_no_sigma(write_seeds, write_run, tmp_path, capsys):
    write_seeds("gsgm", (0.81, 0.01), (0.82, 0.01), (0.83, 0.01))
    write_seeds("downpour", (0.80, 0.02), (0.80, 0.04))
    write_run("d3.h5", [0.2, 0.3], "diverged", method="downpour", seed=3, epochs=2)
    found = rows(capsys, tmp_path)
    assert numbers(found["peak_accuracy", "DSGD", "", ""], "mean", "n", "diverged") == pytest.approx([190 / 3, 3, 1])
    assert numbers(found["sigma_all", "DSGD", "", ""], "mean", "n") == pytest.approx([3, 2])
    gain = numbers(found["peak_accuracy", "GSGM", "DSGD", ""], "mean", "n", "diverged")
    assert gain == pytest.approx([(1 + 2 + 53) / 3, 3, 1])
    # The ratios 1/2 and 1/4 have the geometric mean 8^(-1/2).
    gain = numbers(found["sigma_all", "GSGM", "DSGD", ""], "mean", "n", "diverged")
    assert gain == pytest.approx([100 * (1 - 8**-0.5), 2, 1])
    lines = run(capsys, tmp_path)
    (row,) = [line.split() for line in lines if line.startswith("DSGD")]
    assert row[:4] == ["DSGD", "3", "(1", "diverged)"]
    assert row[10:14] == ["3.000", "±", "12.706", "(2)"]
    assert sum(line.strip() == "1 diverged" for line in lines) == 4
    assert "note: d3.h5: diverged, 2 of 2 epochs" in lines


def test_a_sigma_of_zero_gives_no_ratio(write_seeds, tmp_path, capsys):
    write_seeds("gsgm", (0.81, 0.01), (0.82, 0.0))
    write_seeds("downpour", (0.80, 0.02), (0.80, 0.02))
    gain = rows(capsys, tmp_path)["sigma_all", "GSGM", "DSGD", ""]
    assert (gain["n"], gain["seeds"]) == ("1", "1 2")
    assert numbers(gain, "mean", "p") == pytest.approx([50, math.nan], nan_ok=True)
    assert "pairs that do not count because a sigma is 0 or undefined: 1" in run(capsys, tmp_path)


def test_a_run_told_twice_is_noted(write_run, tmp_path, capsys):
    write_run("a.h5", [0.1, 0.2])
    write_run("b.h5", [0.1, 0.3])
    lines = run(capsys, tmp_path)
    assert "note: b.h5: left out, another file has a run of the same configuration and seed 1" in lines
    assert [line.split()[:3] for line in lines if line.startswith("GSGM")] == [["GSGM", "1", "20.00"]]


def test_the_own_method(write_seeds, tmp_path, capsys):
    for period in (4, 8):
        write_seeds("k-avg", (0.8, 0.01), prefix=period, period=period)
    write_seeds("ssp", (0.8, 0.01), staleness=1)
    write_seeds("ssp", (0.8, 0.01), prefix="lm", staleness=1, local_momentum=True)
    names = "PSGD-1, PSGD-1-LM, K-AVG period=4, K-AVG period=8"
    assert f"note: nothing is compared, no GSGM here; --own NAME may be: {names}" in run(capsys, tmp_path)
    assert any("gain of PSGD-1 over" in line for line in run(capsys, tmp_path, "--own", "psgd-1"))
    assert any("gain of K-AVG period=4 over" in line for line in run(capsys, tmp_path, "--own", "K-AVG period=4"))
    for none_or_several in ("GSGM", "k-avg"):
        assert tables.main([str(tmp_path), "--own", none_or_several]) == 2
        captured = capsys.readouterr()
        assert captured.err == f"tables.py: error: no method {none_or_several!r} here, but {names}\n"
        assert captured.out == ""


def test_the_only_variant_of_the_own_method_is_it(write_seeds, tmp_path, capsys):
    write_seeds("gsgm", (0.8, 0.01), gate="ssp", staleness=1)
    write_seeds("downpour", (0.8, 0.01))
    assert any("gain of GSGM (ssp-1) over" in line for line in run(capsys, tmp_path))


def test_one_method_alone(write_run, capsys):
    lines = run(capsys, write_run("a.h5", [0.1, 0.2]))
    assert lines[-1] == "note: nothing is compared, GSGM is the only method here"


def test_output_to_a_file(three_methods, tmp_path, capsys):
    printed = run(capsys, tmp_path)
    out = tmp_path / "tables.txt"
    assert run(capsys, tmp_path, "-o", out) == []
    assert out.read_text().splitlines() == printed
    assert tables.main([str(tmp_path), "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"cannot write {tmp_path}: Is a directory\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--window", "1"], "--window must be at least 2 epochs, not 1"),
        (["-o", "nowhere/a.txt"], "--output: there is no folder 'nowhere'"),
        (["-o", "a.h5"], "--output: 'a.h5' would be taken for a run's results file"),
        (["--stability", "most"], "argument --stability: invalid choice: 'most'"),
    ],
)
def test_wrong_usage(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as caught:
        tables.main(["a.h5", *arguments])
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


def test_csv_keeps_the_notes_apart(write_run, capsys):
    path = write_run("a.h5", [0.1], "running")
    assert tables.main([str(path), "--format", "csv"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("kind,quantity,unit,setting,method,rival,mean,")
    assert captured.err.startswith("note: a.h5: running, 1 of 4 epochs so far\n")


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "csv"])
def test_odd_and_damaged_files_beside_good_ones(write_run, tmp_path, capsys, form):
    write_run("good.h5", [0.2, 0.4, 0.6, 0.8])
    write_run("rival.h5", [0.2, 0.4, 0.6, 0.7], method="downpour")
    write_run("running.h5", [], "running", method="dana-zero")
    write_run("diverged.h5", [], "diverged", method="fedbuff")
    write_run("nan.h5", [math.nan, math.inf], method="lwp")
    write_run("list.h5", [0.1, 0.2], model=["lenet"])
    (tmp_path / "text.h5").write_text("epoch,accuracy\n")
    cut = write_run("cut.h5", [0.5] * 1000)
    cut.write_bytes(cut.read_bytes()[:-500])
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["data"] = np.zeros(3)
    with h5py.File(tmp_path / "short.h5", "w") as file:
        file.create_group("provenance")
        file["epochs/epoch"] = [1, 2]
        file["epochs/test_accuracy"] = [0.5]
    lines = run(capsys, tmp_path, tmp_path / "missing.h5", "--format", form, code=1)
    assert any("80.0" in line for line in lines)
    assert not any("nan" in line.replace("nan.h5", "") for line in lines)
    assert tables.main([str(tmp_path), "--format", form]) == 1
    named = [line.split(":")[0] for line in capsys.readouterr().err.splitlines() if line.startswith("cannot read")]
    assert sorted(Path(line.removeprefix("cannot read ")).name for line in named) == [
        *("cut.h5", "foreign.h5", "list.h5", "short.h5", "text.h5"),
    ]


def test_only_unreadable_files_give_no_table(tmp_path, capsys):
    assert tables.main([str(tmp_path / "none.h5"), "-o", str(tmp_path / "out.txt")]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"cannot read {tmp_path / 'none.h5'}: no such file\n")
    assert not (tmp_path / "out.txt").exists()


def test_it_runs_by_path(three_methods, tmp_path):
    command = [sys.executable, "-W", "error", ANALYSIS / "tables.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Stability, sigma tail" in done.stdout
    assert done.stderr == ""
