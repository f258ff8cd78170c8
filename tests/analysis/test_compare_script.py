"""compare.py as a script: its CSV, wrong command lines, and files that cannot be read."""

import csv
import io
import math
import subprocess
import sys
from pathlib import Path

import compare
import pytest
from scipy import stats

from tests.analysis.handmade import remove, replace

ANALYSIS = Path(__file__).parents[2] / "analysis"


def test_csv_has_a_row_for_each_method_and_target(two_compared, write_compared, capsys):
    write_compared("other.h5", [0.5], learners=8)
    arguments = [str(two_compared), "--csv", "--target", "0.5", "--target", "0.75"]
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
    for path in two_compared.glob("*.h5"):
        path.unlink()
    assert compare.main([str(write_compared("a.h5", [0.5], "running")), "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["method"], row["target"], row["updates"], row["final"]) == ("GSGM", "", "", "0.5")


def test_an_unreadable_file_stops_nothing(write_compared, tmp_path, capsys):
    good = write_compared("good.h5", [0.2, 0.4])
    write_compared("empty.h5", [], "running", seed=2)
    write_compared("nan.h5", [math.nan] * 3, "failed", seed=3)
    (tmp_path / "foreign.h5").write_text("epoch,accuracy\n")
    (tmp_path / "truncated.h5").write_bytes(good.read_bytes()[:-1000])
    remove(write_compared("old.h5", [0.2]), "epochs/sent_bytes")
    replace(write_compared("odd.h5", [0.2]), "epochs/wall_s", [1.0, 2.0])
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


def test_it_runs_from_any_folder_without_the_program(write_compared, tmp_path):
    path = write_compared("a.h5", [0.2, 0.4])
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
