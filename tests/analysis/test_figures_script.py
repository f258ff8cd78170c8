"""figures.py as a script: the files it writes, and those that it cannot read or write."""

import subprocess
import sys
from pathlib import Path

import figures
import numpy as np
import pytest

from tests.analysis.curves import draw


def test_names_of_files_are_safe_and_never_the_same(write_curve, tmp_path, drawn):
    long = "durations/" + "x" * 300
    for i, durations in enumerate(("../a b", "..|a b", long + "1", long + "2")):
        write_curve(f"{i}.h5", [0.2, 0.4], durations=durations)
    assert draw(tmp_path) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert (len(names), sorted(drawn)) == (4, names)
    assert max(map(len, names)) < 200
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-") for name in names)
    assert [name[:33] for name in names[:2]] == ["accuracy-sigma--durations-..-a-b-"] * 2


def test_the_same_runs_give_the_same_file(write_curve, tmp_path):
    write_curve("0.h5", [0.2, 0.4])
    contents = []
    for folder in ("one", "two"):
        assert figures.main([str(tmp_path / "runs"), "-o", str(tmp_path / folder)]) == 0
        contents.append([(tmp_path / folder / f"accuracy-sigma.{suffix}").read_bytes() for suffix in ("png", "pdf")])
    assert contents[0] == contents[1]
    assert [content[:4] for content in contents[0]] == [b"\x89PNG", b"%PDF"]


def test_bad_files_stop_nothing(write_curve, tmp_path, drawn, capsys):
    write_curve("good.h5", [0.2, 0.4])
    write_curve("running.h5", [], "running", seed=2)
    write_curve("short.h5", [0.2, 0.4], columns={"test_accuracy": [0.5]}, seed=3)
    whole = write_curve("cut.h5", [0.2] * 500, seed=4).read_bytes()
    (tmp_path / "runs" / "cut.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "runs" / "text.h5").write_text("epoch,accuracy\n")
    (tmp_path / "runs" / "empty.h5").touch()
    assert draw(tmp_path) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1:] == [
        "  lines: a single seed; no band; sigma: over 10 epochs (ddof=0)",
        "note: running.h5: running, 0 of 4 epochs so far",
    ]
    named = sorted(line.split(": ")[0].rpartition("/")[2] for line in captured.err.splitlines())
    assert named == ["cut.h5", "empty.h5", "short.h5", "text.h5"]
    assert all(line.startswith("cannot read ") for line in captured.err.splitlines())
    np.testing.assert_allclose(drawn["accuracy-sigma.png"].axes[0].lines[0].get_ydata(), [20, 40])


def test_nothing_readable_gives_no_figure(tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    assert draw(tmp_path, "--methods", "GSGM") == 1
    assert capsys.readouterr().out == ""
    assert list((tmp_path / "out").iterdir()) == []


def test_a_figure_that_cannot_be_written_is_named(write_curve, tmp_path, capsys):
    write_curve("0.h5", [0.2, 0.4])
    (tmp_path / "out" / "accuracy-sigma.png").mkdir(parents=True)
    assert draw(tmp_path) == 1
    assert capsys.readouterr() == ("", f"cannot write {tmp_path}/out/accuracy-sigma.png: Is a directory\n")


def test_a_folder_that_cannot_be_made_is_one_line(write_curve, tmp_path, capsys):
    path = write_curve("0.h5", [0.2, 0.4])
    for folder in (path, path / "below"):
        with pytest.raises(SystemExit) as caught:
            figures.main([str(path), "-o", str(folder)])
        assert caught.value.code == 2
        message = capsys.readouterr().err
        assert message.startswith(f"figures.py: cannot make the folder {folder}: ")
        assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "-o"),
        (["-o", "out", "--window", "1"], "--window must be at least 2 epochs, not 1"),
        (["-o", "out", "--panels", "seed"], "--panels: invalid choice: 'seed'"),
        (["-o", "out", "--x", "hours"], "invalid choice"),
        (["-o", "out", "--format", "png,svg"], "--format must be png, pdf or both, not 'png,svg'"),
        (["-o", "out", "--format", ","], "--format must be png, pdf or both"),
    ],
)
def test_a_wrong_command_line_exits_with_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        figures.main(["runs", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help_needs_no_matplotlib():
    script = Path(figures.__file__)
    code = (
        "import runpy, sys; sys.argv = sys.argv[1:]; sys.path[0] = sys.argv[0].rpartition('/')[0]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "print(sorted({'gsgm_mpi', 'torch', 'matplotlib', 'scipy'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code, str(script), "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "examples:" in shown
    assert shown.splitlines()[-1] == "[]"
