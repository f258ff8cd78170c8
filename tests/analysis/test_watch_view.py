"""What watch.py shows of a run, at every size of a window."""

import json

import numpy as np
import pytest
import watch
from _results import read
from _watch_view import hosts, view
from _watch_warnings import warnings

from tests.analysis.following import follow
from tests.analysis.watched import CONFIG, EPOCHS, UPDATES, rows


def test_one_view(write_watched):
    followed, _ = follow(write_watched())
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
def test_a_view_fits_its_window(write_watched, size, empty):
    none = {"epochs": rows(EPOCHS, 0), "updates": rows(UPDATES, 0)} if empty else {}
    path = write_watched(notes=json.dumps([f"note {i} " * 20 for i in range(9)]), **none)
    width, height = size
    lines = view(follow(path)[0], width, height, ascii_only=False)
    assert len(lines) <= height
    assert max(len(line.text) for line in lines) <= width


def test_the_learners_rows_give_way_to_the_curve(write_watched):
    path = write_watched()
    tall, low = (view(follow(path)[0], 80, height, ascii_only=True) for height in (22, 14))
    assert any(line.text.startswith("learner ") for line in tall)
    assert not any(line.text.startswith("learner ") for line in low)
    assert any("epoch 1 ---" in line.text for line in low)


def test_many_learners_stand_in_columns_from_top_to_bottom(write_watched):
    k = np.arange(1, 8)
    many = {"learner": k, "samples": k, "updates": k, "dropped": 0 * k, "compute_s": 1.0 * k, "wait_s": 0.0 * k}
    lines = [line.text for line in view(follow(write_watched(learners=many))[0], 80, None, ascii_only=True)]
    numbers = [line.split()[::5] for line in (line.replace(" %", "") for line in lines[-4:])]
    assert numbers == [["1", "5"], ["2", "6"], ["3", "7"], ["4"]]


def test_a_run_without_any_row_has_dashes(write_watched):
    followed, _ = follow(write_watched(epochs=rows(EPOCHS, 0), updates=rows(UPDATES, 0)))
    lines = [line.text for line in view(followed, 80, None, ascii_only=True)]
    assert lines[2].endswith(" 0 %, update 0/60, epoch 0/10, - left")
    assert "accuracy   - % last, - % peak" in lines
    assert "staleness  mean -, 95 % -, highest - (last 0 used)" in lines
    assert not warnings(followed)


def test_a_run_that_does_not_know_its_options_is_shown(write_watched):
    followed, _ = follow(write_watched(config=dict.fromkeys(CONFIG)))
    lines = [line.text for line in view(followed, 80, None, ascii_only=True)]
    assert lines[0] == "-: - on - (-), K = -, seed -, - clock"
    assert lines[2] == "- %, update 30/?, epoch 5/?, - left"


def test_hosts_that_the_file_does_not_know(write_watched):
    assert hosts(read(write_watched(hosts="{"), ("epochs",))) == "-"
    assert hosts(read(write_watched(hosts='["a", "b"]'), ("epochs",))) == "a, b"


def test_rows_of_many_runs_fit_their_window(write_watched, tmp_path):
    for i in range(12):
        status = "finished" if i < 6 else "running"
        write_watched(f"a-campaign-of-long-names-seed{i}.h5", status=status, notes='["late"]')
    followed = [follow(path)[0] for path in sorted(tmp_path.glob("*.h5"))]
    for width, height in ((80, 24), (80, 8), (40, 16), (30, 40), (200, 60)):
        lines = [line.text for line in watch.rows(followed, width, height, ascii_only=True)]
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        assert "10 " in lines[1]
        names = lines[0].split()
        assert ("updates/s" in names, "left" in names, "accuracy" in names) == (width > 80, width > 40, width > 30)
    assert [line.text for line in watch.rows(followed, 80, 8, ascii_only=True)][-1] == "and 6 more"
