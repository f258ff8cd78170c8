"""watch.py on handmade files: what it prints as they change, when it ends, and with which exit code."""

import io
import re

import h5py
import pytest
import watch
from rich.console import Console

from tests.analysis.watched import EPOCHS, NOW, UPDATES, rows

DAY = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@pytest.fixture(autouse=True)
def now(monkeypatch):
    monkeypatch.setattr("watch.time", lambda: NOW)


class Script:
    """Stands for the time between looks: does one thing after another, and then nothing more is to come."""

    def __init__(self, *deeds):
        self.deeds = list(deeds)

    def __call__(self, seconds):
        assert self.deeds, "it should have ended"
        self.deeds.pop(0)()


def test_lines_where_there_is_no_terminal(write_watched, tmp_path, capsys, monkeypatch):
    path = tmp_path / "run.h5"
    sleep = Script(
        lambda: None,
        lambda: write_watched(epochs=rows(EPOCHS, 0), updates=rows(UPDATES, 0)),
        lambda: None,
        lambda: write_watched(notes='["slow disk"]'),
        lambda: write_watched(notes='["slow disk"]', updates=rows(UPDATES, 29)),
        path.unlink,
        lambda: write_watched(status="failed", error="boom"),
    )
    monkeypatch.setattr("watch.sleep", sleep)
    assert watch.main([str(path)]) == 1
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert all(DAY.match(line) for line in lines)
    tail = "update 30/60 (50 %)  accuracy 80.00 %  loss 0.6000  4.5 updates/s"
    assert [line[21:] for line in lines] == [
        f"waiting for {path}",
        "running  epoch 0/10  update 0/60 (0 %)  accuracy - %  loss -  - updates/s  - left",
        f"running  epoch 5/10  {tail}  0:07 left",
        "warning: note: slow disk",
        f"running  epoch 5/10  {tail}  0:07 left",
        "warning: run.h5 is gone; this is what it last held",
        f"failed  epoch 5/10  {tail}",
        "warning: failed: boom",
    ]
    assert captured.err == ""


@pytest.mark.parametrize("status", ["finished", "stopped", "diverged"])
def test_it_ends_when_the_run_does(write_watched, capsys, monkeypatch, status):
    path = write_watched()
    monkeypatch.setattr("watch.sleep", Script(lambda: write_watched(status=status)))
    assert watch.main([str(path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == (3 if status == "diverged" else 2)


def test_it_stays_with_a_run_that_stops_where_it_is_asked_to(write_watched, capsys, monkeypatch):
    path = write_watched(status="stopped", ago=3600)
    sleep = Script(lambda: None, write_watched, lambda: write_watched(status="finished"))
    monkeypatch.setattr("watch.sleep", sleep)
    assert watch.main([str(path), "--through-stops"]) == 0
    assert sleep.deeds == []
    lines = capsys.readouterr().out.splitlines()
    assert [line[21:].split()[0] for line in lines] == ["stopped", "running", "finished"]


def test_ctrl_c_ends_it_quietly(write_watched, capsys, monkeypatch):
    def interrupt(seconds):
        assert seconds == 7
        raise KeyboardInterrupt

    monkeypatch.setattr("watch.sleep", interrupt)
    assert watch.main([str(write_watched()), "--every", "7"]) == 0
    assert capsys.readouterr().err == ""


def test_once(write_watched, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert watch.main([str(write_watched(status="finished")), "--once"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[1] == "finished, from 2027-01-15 08:00 to 09:30 UTC, on one, two and 1 more"
    assert lines[-1].split() == ["1", "20", "0.100", "0.50", "75", "%", "2", "9", "0.300", "1.50", "10", "%"]
    assert captured.err == ""
    assert watch.main([str(write_watched(status="failed")), "--once"]) == 1


def test_once_of_good_and_bad_files(write_watched, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    write_watched("running.h5", ago=60)
    write_watched("empty.h5", epochs=rows(EPOCHS, 0), updates=rows(UPDATES, 0))
    whole = write_watched("whole.h5", status="finished").read_bytes()
    (tmp_path / "truncated.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "foreign.h5").write_text("epoch,accuracy\n")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1]
    assert watch.main([str(tmp_path), "--once"]) == 1
    captured = capsys.readouterr()
    lines = [line.split() for line in captured.out.splitlines()]
    assert [line[:2] for line in lines] == [
        ["run", "status"],
        ["empty", "running"],
        ["running", "running"],
        ["whole", "finished"],
        ["!", "running.h5:"],
    ]
    assert lines[2][3:] == ["50", "%", "0:00", "80.00", "90.00", "4.5", "1"]
    reasons = captured.err.splitlines()
    assert [reason.split(": ")[0] for reason in reasons] == [
        f"cannot read {tmp_path / name}.h5" for name in ("foreign", "other", "truncated")
    ]


def test_what_files_hold_does_not_steer_the_terminal(write_watched, capsys):
    paths = [write_watched(name="a\x1b[31m.h5", status="failed", error="died\x1b[2J\nhere"), write_watched(name="b.h5")]
    for path in paths[:1], paths:
        watch.main([*map(str, path), "--once"])
        captured = capsys.readouterr()
        assert "died [2J here" in captured.out
        assert "\x1b" not in captured.out
    (paths[1].parent / "c\x1b[31m.h5").touch()
    assert watch.main([str(paths[1].parent / "c\x1b[31m.h5"), "--once"]) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_the_live_view_ends_with_the_last_view_on_the_screen(write_watched, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")  # whatever the tests run on
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80, height=24, color_system=None, legacy_windows=False)
    files = watch.Files([str(tmp_path / "run.h5")], through_stops=False)
    sleep = Script(
        write_watched, lambda: (tmp_path / "run.h5").write_text("half"), lambda: write_watched(status="stopped")
    )
    assert watch.draw(files, console, 1.0, sleep) == 0
    enter, leave = "\x1b[?1049h", "\x1b[?1049l"
    drawn, left = stream.getvalue().split(enter)[1].split(leave)
    assert [drawn.find(text) > 0 for text in ("waiting for ", "running, since", "cannot be read now: not an HDF5")] == [
        True
    ] * 3
    assert "stopped, from 2027-01-15 08:00 to 09:30 UTC" in left
    assert "waiting for " not in left


def test_letters_that_the_terminal_has_not(write_watched):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "ascii")
    console = Console(file=stream, width=80, legacy_windows=False)
    files = watch.Files([str(write_watched(hosts='["Zürich"]', notes='["π"]'))], through_stops=False)
    assert watch.once(files, console) == 0
    stream.flush()
    assert "on Z?rich" in raw.getvalue().decode("ascii")
    assert "! note: ?" in raw.getvalue().decode("ascii")


@pytest.mark.parametrize("wrong", [[], ["a.h5", "--every", "0"], ["a.h5", "--every", "nan"]])
def test_wrong_usage(capsys, wrong):
    with pytest.raises(SystemExit, match="2"):
        watch.main(wrong)
    assert "usage: watch.py" in capsys.readouterr().err


def test_a_folder_is_looked_into_again_and_again(write_watched, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "campaign"
    folder.mkdir()
    sleep = Script(
        lambda: None,
        lambda: write_watched("campaign/a.h5"),
        lambda: write_watched("campaign/b.h5"),
        lambda: write_watched("campaign/a.h5", status="finished"),
        lambda: write_watched("campaign/b.h5", status="finished"),
    )
    monkeypatch.setattr("watch.sleep", sleep)
    assert watch.main([str(folder)]) == 0
    assert sleep.deeds == []
    lines = [line[21:].split("  ") for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == [f"waiting: {folder}: the folder holds no *.h5 file"]
    # Names are only said where there are several.
    assert [line[:2] for line in lines[2:]] == [["b.h5", "running"], ["a.h5", "finished"], ["b.h5", "finished"]]
    assert lines[1][0] == "running"


def test_once_does_not_wait_for_an_empty_folder(write_watched, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    assert watch.main([str(tmp_path / "none"), "--once"]) == 1
    assert capsys.readouterr().out == ""
    assert watch.main([str(tmp_path / "none"), str(write_watched(status="finished")), "--once"]) == 1
    captured = capsys.readouterr()
    assert "the folder holds no *.h5 file" in captured.err
    assert "finished" in captured.out
