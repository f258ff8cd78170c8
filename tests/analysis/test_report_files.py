"""report.py on files of all kinds, alone and together: nothing stops the page, and nothing on it is believed."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import report
from _results import UnreadableFileError

from tests.analysis.handmade import remove
from tests.analysis.reports import draw_nothing, make, table, write_folder, write_run

HOSTILE = "<script>alert('&amp;')</script>\"><img src=x onerror=y>"


def test_what_files_say_is_text_whatever_it_looks_like(tmp_path, capsys):
    write_run(tmp_path / "a.h5", [0.1, 0.2], "failed", error=HOSTILE, method=HOSTILE, speeds=HOSTILE)
    write_run(tmp_path / "b<b>.h5", [0.1, 0.2], method="ssgd")
    (tmp_path / "c<i>.h5").touch()
    code, page = make(tmp_path, "-o", tmp_path / "r.html", "--title", HOSTILE, "--date")
    assert code == 1
    assert not {"script", "b", "i"} & {tag for tag, _ in page.tags}
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert page.headings[0][1] == HOSTILE
    assert f"a.h5: {HOSTILE}" in page.text
    assert "b<b>.h5" in page.text
    assert "c<i>.h5: the file is empty" in page.text
    assert re.search(r"Written \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", page.text)
    assert f"cannot read {tmp_path}/c<i>.h5: the file is empty\n" in capsys.readouterr().err


def test_files_of_all_kinds_do_not_stop_the_others(tmp_path, capsys):
    write_run(tmp_path / "good.h5", [0.5, 0.75], epochs=9)
    write_run(tmp_path / "half.h5", [0.5], "running", epochs=9, method="ssgd")
    write_run(tmp_path / "begun.h5", [], "running", epochs=9, method="easgd")
    write_run(tmp_path / "nan.h5", [0.5, np.nan], "diverged", epochs=9, method="downpour")
    untraced = write_run(tmp_path / "untraced.h5", [0.5, 0.25], epochs=9, method="fedavg")
    remove(untraced, "trace", "updates/lr")
    (tmp_path / "foreign.h5").write_text("a,b\n")
    (tmp_path / "cut.h5").write_bytes(untraced.read_bytes()[:-3000])
    code, page = make(tmp_path, "-o", tmp_path / "r.html")
    assert code == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        f"cannot read {tmp_path}/{name}.h5" for name in ("cut", "foreign", "untraced", "untraced")
    ]
    assert "runs 5: 2 finished, 2 running, 1 diverged" in page.text
    assert "unreadable 2" in page.text
    assert "begun.h5: running, 0 of 9 epochs so far half.h5: running, 1 of 9 epochs so far" in page.text
    assert "nan.h5: diverged, 2 of 9 epochs" in page.text
    assert "foreign.h5: not an HDF5 file" in page.text
    assert "has no data set /updates/lr: untraced.h5" in page.text
    assert "has no group /trace: not a results file of a run: untraced.h5" in page.text
    assert table(page, "Absolute figures")[1][:4] == ["GSGM", "1", "75.00 ± -", "75.00 ± -"]
    assert [row[0] for row in table(page, "Updates, class weights")[2:]] == ["GSGM", "DSGD", "SSGD", "EASGD"]


def test_names_and_texts_that_are_no_utf8(tmp_path, monkeypatch, capsysbinary):
    write_run(tmp_path / "good.h5", [0.5, 0.75], status="failed", error=b"\xff\xfe")
    with (tmp_path / "good.h5").open("rb") as file:
        Path(os.fsdecode(bytes(tmp_path) + b"/bad\xff.h5")).write_bytes(file.read()[:100])
    code, page = make(tmp_path, "-o", tmp_path / "r.html")
    assert code == 1
    assert "bad?.h5" in page.text


def test_a_page_that_is_a_link_stays_one(tmp_path, monkeypatch):
    draw_nothing(monkeypatch)
    write_run(tmp_path / "a.h5", [0.5, 0.75])
    (tmp_path / "page.html").write_text("old")
    (tmp_path / "link.html").symlink_to("page.html")
    assert make(tmp_path / "a.h5", "-o", tmp_path / "link.html")[0] == 0
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "page.html").read_text() != "old"


@pytest.mark.parametrize(("accuracy", "status"), [([], "running"), ([0.5], "finished"), ([np.nan] * 3, "diverged")])
def test_a_single_run_is_enough(tmp_path, accuracy, status):
    path = write_run(tmp_path / "a.h5", accuracy, status, epochs=3)
    code, page = make(path, "-o", tmp_path / "r.html")
    assert code == 0
    assert f"runs 1: 1 {status}" in page.text
    assert ("no run has ended yet" in page.text) == (status == "running")
    assert dict(table(page, "The run")[1:])["seed"] == "1"


def test_different_data_sets_are_settings(tmp_path, monkeypatch):
    draw_nothing(monkeypatch)
    write_run(tmp_path / "a.h5", [0.5, 0.75])
    write_run(tmp_path / "b.h5", [0.1, 0.2], dataset="mnist", model="mnistnet")
    _, page = make(tmp_path, "-o", tmp_path / "r.html")
    assert [row[0] for row in table(page, "Best by final")[1:]] == ["digits, mlp", "mnist, mnistnet"]
    assert [title for level, title in page.headings if level == 3] == 4 * ["digits, mlp", "mnist, mnistnet"]
    assert [row for row in table(page, "Absolute figures") if len(row) == 1] == [["digits, mlp"], ["mnist, mnistnet"]]
    assert "datasets digits, mnist models mlp, mnistnet" in page.text


def test_a_copy_is_told_and_counts_once(tmp_path, monkeypatch):
    draw_nothing(monkeypatch)
    for name in ("a.h5", "b.h5"):
        write_run(tmp_path / name, [0.5, 0.75])
    _, page = make(tmp_path, "-o", tmp_path / "r.html")
    assert table(page, "Absolute figures")[1][1] == "1"
    assert "b.h5: left out, another file has a run of the same configuration and seed 1" in page.text
    assert [row[0] for row in table(page, "Accuracy and stability of single runs")[1:]] == [
        *("all runs", "a.h5", "copies, which no mean counts", "b.h5")
    ]


def test_a_section_that_fails_says_why_and_a_bug_is_no_secret(tmp_path, monkeypatch):
    draw_nothing(monkeypatch)
    folder = write_folder(tmp_path / "runs")

    def unreadable(_):
        raise UnreadableFileError(folder / "gsgm-1.h5", "is gone")

    monkeypatch.setattr(report, "papers", unreadable)
    code, page = make(folder, "-o", folder.parent / "failed.html")
    assert code == 1
    assert "is gone: gsgm-1.h5" in page.text
    assert "Absolute figures" not in page.tables
    assert table(page, "Best by final")

    monkeypatch.setattr(report, "papers", lambda _: [][0])
    with pytest.raises(IndexError):
        report.main([str(folder), "-o", str(folder.parent / "bug.html")])
    assert not (folder.parent / "bug.html").exists()


def test_nothing_to_read_leaves_an_old_page_alone(tmp_path, capsys):
    output = tmp_path / "r.html"
    output.write_text("old")
    assert report.main([str(tmp_path / "none.h5"), "-o", str(output)]) == 1
    assert output.read_text() == "old"
    assert capsys.readouterr().err == f"cannot read {tmp_path}/none.h5: no such file\n"


def test_a_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch, capsys):
    draw_nothing(monkeypatch)
    path = write_run(tmp_path / "a.h5", [0.5])
    output = tmp_path / "folder.html"
    output.mkdir()
    assert report.main([str(path), "-o", str(output)]) == 1
    assert f"cannot write {output}: " in capsys.readouterr().err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.h5", "folder.html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "r.txt"], "--output must end in .html or .htm, not 'r.txt'"),
        (["-o", "none/r.html"], "--output: there is no folder 'none'"),
        (["--window", "1"], "--window must be at least 2 epochs, not 1"),
        (["--own", "sgd"], "no method 'sgd' here, but GSGM"),
    ],
)
def test_a_wrong_command_line_exits_with_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    path = write_run(tmp_path / "a.h5", [0.5])
    try:
        code = report.main([str(path), *arguments])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()
