"""watch.py on handmade files: its figures worked out by hand, its warnings, what it does as a file changes."""

import io
import json
import math
import os
import re

import h5py
import numpy as np
import pytest
import watch
from _results import UnreadableFileError, read
from _watch_measure import measure
from _watch_read import Followed
from _watch_view import hosts, view
from _watch_warnings import warnings
from rich.console import Console

NOW = 1_800_000_000.0
DAY = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
# Batches of 10: 2 + 4 = 6 updates an epoch, 60 in all.
CONFIG = {
    "method": "ssp",
    "staleness": 1,
    "algo": "sgd",
    "dataset": "digits",
    "model": "mlp",
    "partition": "sorted",
    "learners": 2,
    "seed": 1,
    "epochs": 10,
    "inner_epochs": 3,
    "batch_size": 10,
    "clock": "virtual",
    "speeds": "spread:5",
    "budget": "handed-out",
}
EPOCHS = {
    "epoch": np.arange(1, 6),
    "update": np.arange(6, 31, 6),
    "wall_s": [2.0, 4.0, 6.0, 7.0, 8.0],
    "virtual_s": [1.0, 2.0, 3.0, 4.0, 5.0],
    "test_accuracy": [0.2, 0.5, 0.7, 0.9, 0.8],
    "test_loss": [2.0, 1.0, 0.7, 0.5, 0.6],
    "train_loss": [2.0, 1.0, 0.7, 0.4, 0.3],
}
# Learner 1 sends two of three; the last gradient is dropped.
UPDATES = {
    "update": np.arange(1, 31),
    "learner": np.array([1, 1, 2] * 10, np.int32),
    "staleness": np.arange(30),
    "loss": np.full(30, 0.5, np.float32),
    "compute_s": [0.1, 0.1, 0.3] * 10,
    "arrival_s": np.arange(30) / 6,
    "applied": np.array([1] * 29 + [0], np.uint8),
}
LEARNERS = {
    "learner": np.array([1, 2], np.int32),
    "samples": [20, 40],
    "updates": [20, 9],
    "dropped": [0, 1],
    "compute_s": [2.0, 2.7],
    "wait_s": [6.0, 0.3],
}


@pytest.fixture(autouse=True)
def now(monkeypatch):
    monkeypatch.setattr("watch.time", lambda: NOW)


@pytest.fixture
def write(tmp_path):
    """Writes a run of 5 of 10 epochs, 2 seconds before NOW; groups and attributes can be replaced."""

    def write(name="run.h5", status="running", ago=2.0, config=None, epochs=None, updates=None, learners=None, **more):
        beside = tmp_path / f".{name}.part"
        with h5py.File(beside, "w") as file:
            groups = {"epochs": EPOCHS | (epochs or {}), "updates": UPDATES | (updates or {})}
            for group, columns in (groups | {"learners": LEARNERS | (learners or {})}).items():
                for column, values in columns.items():
                    file[f"{group}/{column}"] = np.asarray(values)
            attributes = {
                "config": json.dumps(CONFIG | (config or {})),
                "status": status,
                "start": "2027-01-15T08:00:00+00:00",
                "end": "" if status == "running" else "2027-01-15T09:30:00+00:00",
                "hosts": '["one", "one", "two", "three"]',
                "resumed": "[]",
            }
            file.create_group("provenance").attrs.update(attributes | more)
        os.utime(beside, (NOW - ago, NOW - ago))
        return beside.replace(tmp_path / name)

    return write


def rows(columns, last):
    return {name: np.asarray(values)[:last] for name, values in columns.items()}


def follow(path, now=NOW):
    """A file that was read once, and the clock it goes by, in a list."""
    clock = [now]
    followed = Followed(path, lambda: clock[0])
    followed.poll()
    return followed, clock


def kinds(path, now=NOW):
    return [warn.kind for warn in warnings(follow(path, now)[0])]


def measured(path):
    return measure(read(path, ("epochs", "updates", "learners")))


def test_the_figures(write):
    held = measured(write())
    assert (held.method, held.done, held.total) == ("PSGD-1", 30, 60)
    assert held.peak == 3
    # From epoch 2 to 5: 18 updates in 4 s, or 3 virtual ones; over all: 30 in 8 s, 5 virtual ones.
    assert held.rates == (4.5, 3.75)
    assert held.virtual_rates == (6, 6)
    assert held.left_s == pytest.approx(30 / 4.5)
    assert held.epoch_times_s.tolist() == [2, 2, 2, 1, 1]
    # Used: 0 to 28. 0.95 * 29 = 27.55, so the 28th smallest.
    assert (held.staleness, held.recent, held.recent_rows) == ((14, 27, 28), 29, 30)
    one, two = held.learners
    # The median of the medians 0.1 and 0.3 is 0.2.
    assert (one.used, one.median_s, one.times, one.waiting) == (20, 0.1, 0.5, 0.75)
    assert (two.used, two.dropped, two.median_s, two.times) == (9, 1, 0.3, pytest.approx(1.5))
    assert two.waiting == pytest.approx(0.1)
    assert held.waiting == pytest.approx(6.3 / 11)


def test_one_view(write):
    followed, _ = follow(write())
    drawn = [line.text for line in view(followed, 80, 24, ascii_only=True)]
    assert drawn == [
        "PSGD-1: mlp on digits (sorted), K = 2, seed 1, virtual clock, speeds spread:5",
        "running, since 2027-01-15 08:00 UTC, on one, two and 1 more, written 0:02 ago",
        # 38 characters of a bar that is half full; 6.67 s less the 2 since then are left.
        "###################------------------- 50 %, update 30/60, epoch 5/10, 0:05 left",
        "",
        *drawn[4:14],
        "",
        "accuracy   80.00 % last, 90.00 % peak (epoch 4)",
        "loss       0.6000 test, 0.3000 training",
        "updates/s  4.5 in the last 3 epochs, 3.75 in all; a virtual second 6, 6",
        "staleness  mean 14.0, 95 % 27, highest 28 (last 29 used)",
        "learners   slowest 2: median 0.300 s, 1.50 times the typical; most used 1: 20,",
        "           least 2: 9; waiting 57 % of the time",
        "",
        "learner    used  median s  times  wait   learner    used  median s  times  wait",
        "      1      20     0.100   0.50  75 %         2       9     0.300   1.50  10 %",
    ]
    assert drawn[4].startswith("90 % |")
    assert drawn[13] == "     + epoch 1 --------------------------------------------------------------- 5"


@pytest.mark.parametrize("size", [(80, 24), (40, 24), (40, 12), (20, 5), (200, 60), (10, 3), (80, 16)])
@pytest.mark.parametrize("empty", [False, True])
def test_a_view_fits_its_window(write, size, empty):
    none = {"epochs": rows(EPOCHS, 0), "updates": rows(UPDATES, 0)} if empty else {}
    path = write(notes=json.dumps([f"note {i} " * 20 for i in range(9)]), **none)
    width, height = size
    lines = view(follow(path)[0], width, height, ascii_only=False)
    assert len(lines) <= height
    assert max(len(line.text) for line in lines) <= width


def test_the_learners_rows_give_way_to_the_curve(write):
    path = write()
    tall, low = (view(follow(path)[0], 80, height, ascii_only=True) for height in (22, 14))
    assert any(line.text.startswith("learner ") for line in tall)
    assert not any(line.text.startswith("learner ") for line in low)
    assert any("epoch 1 ---" in line.text for line in low)


def test_many_learners_stand_in_columns_from_top_to_bottom(write):
    k = np.arange(1, 8)
    many = {"learner": k, "samples": k, "updates": k, "dropped": 0 * k, "compute_s": 1.0 * k, "wait_s": 0.0 * k}
    lines = [line.text for line in view(follow(write(learners=many))[0], 80, None, ascii_only=True)]
    numbers = [line.split()[::5] for line in (line.replace(" %", "") for line in lines[-4:])]
    assert numbers == [["1", "5"], ["2", "6"], ["3", "7"], ["4"]]


def test_a_run_without_any_row_has_dashes(write):
    followed, _ = follow(write(epochs=rows(EPOCHS, 0), updates=rows(UPDATES, 0)))
    lines = [line.text for line in view(followed, 80, None, ascii_only=True)]
    assert lines[2].endswith(" 0 %, update 0/60, epoch 0/10, - left")
    assert "accuracy   - % last, - % peak" in lines
    assert "staleness  mean -, 95 % -, highest - (last 0 used)" in lines
    assert not warnings(followed)


@pytest.mark.parametrize(
    ("options", "total"),
    [
        ({}, 60),
        ({"algo": "svrg"}, 60),
        # Loops of 3, 3, 3, 1 epochs of 3 + 4 = 7 batches: 21, 21, 21, 7, each rounded up to a multiple of 2.
        ({"algo": "svrg", "samples": [21, 40]}, 74),
        ({"algo": "svrg", "samples": [21, 40], "budget": "per-learner"}, 70),
        ({"samples": [21, 40]}, 70),
        ({"batch_size": None}, None),
    ],
)
def test_the_updates_of_the_whole_run(write, options, total):
    samples = options.pop("samples", [20, 40])
    assert measured(write(config=options, learners={"samples": samples})).total == total


def test_recent_are_the_last_updates_only(write, monkeypatch):
    monkeypatch.setattr("_watch_measure._RECENT_ROWS", 4)
    monkeypatch.setattr("_watch_measure._RECENT_ROWS_PER_LEARNER", 3)
    held = measured(write())
    # Three a learner: the last six, staleness 24 to 28 and one that was dropped.
    assert (held.recent_rows, held.recent, held.staleness) == (6, 5, (26, 28, 28))


def test_only_the_last_rows_of_a_group_are_read(write):
    path = write()
    results = read(path, ("epochs", "updates"), {"updates": 7})
    assert results.column("updates", "update").tolist() == list(range(24, 31))
    assert len(results.column("epochs", "epoch")) == 5
    assert len(read(path, ("updates",), {"updates": 1000}).column("updates", "update")) == 30
    with h5py.File(path, "r+") as file:
        file["updates/alone"] = 3.0
    assert read(path, ("updates",), {"updates": 7}).column("updates", "alone") == 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"status": "failed", "error": "out of memory"}, ["failed"]),
        ({"status": "diverged"}, ["diverged"]),
        ({"updates": {"loss": [0.5] * 20 + [math.nan, math.inf] + [0.5] * 8}}, ["loss"]),
        ({"epochs": {"test_loss": [2.0, 1.0, 1.0, 1.0, math.nan]}}, ["loss"]),
        ({"notes": '["slow disk", "late"]'}, ["note: slow disk", "note: late"]),
        ({"notes": "no JSON"}, ["note: no JSON"]),
        ({"notes": "[]"}, []),
        # Means of three: 80, 74, 76, then 80, 77, 75: four points down are not enough, five are.
        ({"epochs": {"test_accuracy": [0.8, 0.8, 0.8, 0.62, 0.86]}}, []),
        ({"epochs": {"test_accuracy": [0.8, 0.8, 0.8, 0.71, 0.70]}}, ["accuracy"]),
        ({"epochs": {"test_accuracy": [0.8, 0.8, 0.8, math.nan, math.nan]}}, []),
        # Learner 2 came every 0.1 s until 0.5, learner 1 until 1.45: not yet 10 times as long. Then until 2 and 17.
        ({"updates": {"learner": [2, 1] * 6 + [1] * 18, "arrival_s": np.arange(30) / 20}}, []),
        ({"updates": {"learner": [2, 1] * 6 + [1] * 18, "arrival_s": [*np.arange(12) / 20, *range(18)]}}, ["silent 2"]),
        ({"status": "stopped", "updates": {"learner": [2, 1] * 6 + [1] * 18,
          "arrival_s": [*np.arange(12) / 20, *range(18)]}}, []),
        # Learner 1 takes up to 1 s: where it is alone, 2 s are not three times as long.
        ({"updates": {"learner": [2, 1] * 6 + [1] * 18,
          "arrival_s": [*np.arange(12) / 20, *[1.55] * 9, *[2.5] * 9]}}, []),
        ({"config": {"budget": "per-learner"}, "updates": {"learner": [2, 1] * 6 + [1] * 18,
          "arrival_s": [*np.arange(12) / 20, *range(18)]}}, []),
    ],
)  # fmt: skip
def test_warnings(write, changes, expected):
    assert kinds(write(**changes)) == expected


def test_a_learner_that_was_not_heard_of(write):
    k = 1 + np.zeros(50, int)
    silent = {"update": np.arange(1, 51), "learner": k, "staleness": k, "loss": 0.5 * k, "compute_s": 0.1 * k}
    silent |= {"arrival_s": np.arange(50.0), "applied": k}
    # With 20 a learner it should have been heard; of fewer nothing follows.
    (warn,) = warnings(follow(write(updates=silent))[0])
    assert warn.text == "none of the last 50 gradients came from learner 2"
    assert kinds(write(updates=rows(silent, 39))) == []


def test_of_many_warnings_a_window_shows_the_gravest(write):
    path = write(status="failed", updates={"loss": [math.nan] * 30}, ago=0, notes='["a", "b", "c", "d"]')
    windows = (view(follow(path)[0], 80, height, ascii_only=True) for height in (40, None))
    shown, whole = ([line.text for line in lines if line.text.startswith("!")] for lines in windows)
    assert whole == [
        "! failed: no reason given",
        "! the loss of update 1 was not finite",
        *[f"! note: {x}" for x in "bcd"],
    ]
    assert shown == [*whole[:4], "! and 1 more"]


def test_texts_of_warnings(write):
    path = write(status="failed", error="rank 3 died\x1b[2J")
    (line,) = [line.text for line in view(follow(path)[0], 80, None, ascii_only=True) if line.text.startswith("!")]
    assert line == "! failed: rank 3 died [2J"
    path = write(updates={"learner": [2, 1] * 6 + [1] * 18, "arrival_s": [*np.arange(12) / 20, *range(18)]})
    # Last heard at 0.5.
    assert warnings(follow(path)[0])[0].text == "learner 2 has sent nothing for 16.5 s, usually every 0.1 s"


def test_no_news_is_a_warning_after_a_while(write):
    path = write(ago=0, epochs={"wall_s": [10.0, 20.0, 30.0, 40.0, 50.0]})
    followed, clock = follow(path)
    clock[0] += 50
    assert not warnings(followed)
    clock[0] += 80
    (warn,) = warnings(followed)
    assert warn.text == "no news for 2:10, usually 10 s at most; the run may be dead"
    # From the first change on, usual is also what was seen.
    write(epochs={"wall_s": [10.0, 20.0, 30.0, 40.0, 50.0]})
    assert followed.poll()
    clock[0] += 5 * 130
    assert not warnings(followed)
    clock[0] += 1
    assert [warn.kind for warn in warnings(followed)] == ["quiet"]
    write(status="finished")
    followed.poll()
    clock[0] += 1e6
    assert not warnings(followed)


def locked(path, *_):
    raise UnreadableFileError(path, "locked")


def test_what_could_not_be_read_is_tried_again_though_it_has_not_changed(write, monkeypatch):
    path = write()
    with monkeypatch.context() as patch:
        patch.setattr("_watch_read.read", locked)
        followed, clock = follow(path)
        assert followed.trouble == "locked"
    assert followed.poll()
    assert (followed.held.done, followed.quiet_s) == (30, 2)
    # What was read before is no news when it can be read again.
    aside = path.rename(path.with_suffix(".aside"))
    followed.poll()
    aside.rename(path)
    clock[0] += 8
    assert followed.poll()
    assert followed.quiet_s == 10


def test_more_learners_and_a_run_that_is_rounded_up(write):
    three = {name: [*values, values[0]] for name, values in LEARNERS.items()} | {"learner": [1, 2, 3]}
    held = measured(
        write(learners=three, updates={"update": np.arange(61, 91), "learner": [1, 2, 3] * 10}, config={"epochs": 1})
    )
    # Medians 0.1, 0.1, 0.3: the typical one is 0.1, their mean is not.
    assert [one.times for one in held.learners] == [pytest.approx(times) for times in (1, 1, 3)]
    # 2 + 4 + 2 batches, but 90 were used.
    assert (held.done, held.total) == (90, 90)


def test_before_the_first_epoch_nothing_is_usual(write):
    followed, clock = follow(write(ago=0, epochs=rows(EPOCHS, 0)))
    clock[0] += 600
    assert not warnings(followed)
    clock[0] += 1
    assert warnings(followed)[0].text == "no news for 10:01; the run may be dead"


def test_a_file_server_with_another_clock(write):
    followed, clock = follow(write(ago=-3600))
    assert followed.quiet_s == 0
    clock[0] += 7
    assert followed.quiet_s == 7
    write(ago=500)
    followed.poll()
    assert followed.quiet_s == 0


def test_a_file_comes_goes_breaks_and_comes_back(write, tmp_path):
    path = tmp_path / "run.h5"
    followed, _ = follow(path)
    assert (followed.missing, followed.held, followed.poll()) == (True, None, False)
    path.write_text("half")
    assert (followed.poll(), followed.missing, followed.trouble) == (True, False, "not an HDF5 file")
    assert [line.text for line in view(followed, 200, 24, ascii_only=True)] == [
        f"cannot read {path}: not an HDF5 file; trying again"
    ]
    write()
    assert (followed.poll(), followed.trouble, followed.held.done, followed.poll()) == (True, None, 30, False)
    path.unlink()
    assert (followed.poll(), followed.poll()) == (True, False)
    assert [warn.text for warn in warnings(followed)] == ["run.h5 is gone; this is what it last held"]
    path.write_bytes(b"")
    assert followed.poll()
    assert [warn.text for warn in warnings(followed)] == [
        "cannot be read now: the file is empty; this is what it last held"
    ]
    write(updates=rows(UPDATES, 0), epochs=rows(EPOCHS, 4))
    assert (followed.poll(), followed.held.done, warnings(followed)) == (True, 24, [])


@pytest.mark.parametrize(
    ("group", "column", "values"),
    [
        ("epochs", "test_accuracy", [0.5]),
        ("updates", "loss", ["a"] * 30),
        ("updates", "update", np.full(30, np.nan)),
        ("learners", "samples", 3),
    ],
)
def test_a_column_of_another_kind_is_named(write, group, column, values):
    path = write(
        **{group: {column: np.asarray(values, "S1" if values[0] == "a" else None) if column != "samples" else 3}}
    )
    with pytest.raises(UnreadableFileError, match=f"/{group}/{column} is not one number a row"):
        measured(path)


def test_a_run_that_does_not_know_its_options_is_shown(write):
    followed, _ = follow(write(config=dict.fromkeys(CONFIG)))
    lines = [line.text for line in view(followed, 80, None, ascii_only=True)]
    assert lines[0] == "-: - on - (-), K = -, seed -, - clock"
    assert lines[2] == "- %, update 30/?, epoch 5/?, - left"


def test_hosts_that_the_file_does_not_know(write):
    assert hosts(read(write(hosts="{"), ("epochs",))) == "-"
    assert hosts(read(write(hosts='["a", "b"]'), ("epochs",))) == "a, b"


class Script:
    """Stands for the time between looks: does one thing after another, and then nothing more is to come."""

    def __init__(self, *deeds):
        self.deeds = list(deeds)

    def __call__(self, seconds):
        assert self.deeds, "it should have ended"
        self.deeds.pop(0)()


def test_lines_where_there_is_no_terminal(write, tmp_path, capsys, monkeypatch):
    path = tmp_path / "run.h5"
    sleep = Script(
        lambda: None,
        lambda: write(epochs=rows(EPOCHS, 0), updates=rows(UPDATES, 0)),
        lambda: None,
        lambda: write(notes='["slow disk"]'),
        lambda: write(notes='["slow disk"]', updates=rows(UPDATES, 29)),
        path.unlink,
        lambda: write(status="failed", error="boom"),
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
def test_it_ends_when_the_run_does(write, capsys, monkeypatch, status):
    path = write()
    monkeypatch.setattr("watch.sleep", Script(lambda: write(status=status)))
    assert watch.main([str(path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3 if status == "diverged" else 2


def test_ctrl_c_ends_it_quietly(write, capsys, monkeypatch):
    def interrupt(seconds):
        assert seconds == 7
        raise KeyboardInterrupt

    monkeypatch.setattr("watch.sleep", interrupt)
    assert watch.main([str(write()), "--every", "7"]) == 0
    assert capsys.readouterr().err == ""


def test_once(write, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert watch.main([str(write(status="finished")), "--once"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[1] == "finished, from 2027-01-15 08:00 to 09:30 UTC, on one, two and 1 more"
    assert lines[-1].split() == ["1", "20", "0.100", "0.50", "75", "%", "2", "9", "0.300", "1.50", "10", "%"]
    assert captured.err == ""
    assert watch.main([str(write(status="failed")), "--once"]) == 1


def test_once_of_good_and_bad_files(write, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    write("running.h5", ago=60)
    write("empty.h5", epochs=rows(EPOCHS, 0), updates=rows(UPDATES, 0))
    whole = write("whole.h5", status="finished").read_bytes()
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


def test_rows_of_many_runs_fit_their_window(write, tmp_path):
    for i in range(12):
        write(f"a-campaign-of-long-names-seed{i}.h5", status="finished" if i < 6 else "running", notes='["late"]')
    followed = [follow(path)[0] for path in sorted(tmp_path.glob("*.h5"))]
    for width, height in ((80, 24), (80, 8), (40, 16), (30, 40), (200, 60)):
        lines = [line.text for line in watch.rows(followed, width, height, ascii_only=True)]
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        assert "10 " in lines[1]
        names = lines[0].split()
        assert ("updates/s" in names, "left" in names, "accuracy" in names) == (width > 80, width > 40, width > 30)
    assert [line.text for line in watch.rows(followed, 80, 8, ascii_only=True)][-1] == "and 6 more"


def test_the_live_view_ends_with_the_last_view_on_the_screen(write, tmp_path):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80, height=24, color_system=None, legacy_windows=False)
    followed = Followed(tmp_path / "run.h5", lambda: NOW)
    sleep = Script(write, lambda: (tmp_path / "run.h5").write_text("half"), lambda: write(status="stopped"))
    assert watch.draw([followed], console, 1.0, sleep) == 0
    enter, leave = "\x1b[?1049h", "\x1b[?1049l"
    drawn, left = stream.getvalue().split(enter)[1].split(leave)
    assert [drawn.find(text) > 0 for text in ("waiting for ", "running, since", "cannot be read now: not an HDF5")] == [
        True
    ] * 3
    assert "stopped, from 2027-01-15 08:00 to 09:30 UTC" in left
    assert "waiting for " not in left


def test_letters_that_the_terminal_has_not(write):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "ascii")
    console = Console(file=stream, width=80, legacy_windows=False)
    followed, _ = follow(write(hosts='["Zürich"]', notes='["π"]'))
    assert watch.once([followed], console) == 0
    stream.flush()
    assert "on Z?rich" in raw.getvalue().decode("ascii")
    assert "! note: ?" in raw.getvalue().decode("ascii")


@pytest.mark.parametrize("wrong", [[], ["a.h5", "--every", "0"], ["a.h5", "--every", "nan"]])
def test_wrong_usage(capsys, wrong):
    with pytest.raises(SystemExit, match="2"):
        watch.main(wrong)
    assert "usage: watch.py" in capsys.readouterr().err


def test_an_empty_folder_is_named(write, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    assert watch.main([str(tmp_path / "none")]) == 1
    assert capsys.readouterr().out == ""
    assert watch.main([str(tmp_path / "none"), str(write(status="finished"))]) == 1
    assert "the folder holds no *.h5 file" in capsys.readouterr().err
