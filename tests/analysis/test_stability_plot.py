"""The figure: that it is written whatever the curves are, and what its legend says."""

import math

import _script
import pytest
import stability
from _results import read
from _stability_measure import measure
from _stability_plot import labels

LINE = [0.2, 0.4, 0.6, 0.8]
ZIGZAG = [0.1, 0.7, 0.1, 0.5]


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("PNG", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_plot_is_written(write_run, tmp_path, capsys, suffix, start):
    # Every curve that could trip a log axis: none, one point, all zero, NaN, and a good one.
    curves = [[], [0.5], [0.1] * 5, [0.2, math.nan, 0.4], LINE]
    files = [str(write_run(f"{i}.h5", curve)) for i, curve in enumerate(curves)]
    for number in (1, 2, 3, 5):
        path = tmp_path / f"{number}.{suffix}"
        arguments = [*files[:number], "--window", "2", "--plot", str(path)]
        assert stability.main(arguments) == 0
        assert path.read_bytes().startswith(start)


def test_a_plot_that_cannot_be_written_is_named(write_run, tmp_path, capsys):
    folder = tmp_path / "folder.png"
    folder.mkdir()
    assert stability.main([str(write_run("a.h5", LINE)), "--plot", str(folder)]) == 1
    assert capsys.readouterr().err == f"cannot write {folder}: Is a directory\n"


def test_a_plot_without_matplotlib_names_the_extra(monkeypatch, capsys):
    monkeypatch.setattr(_script, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as caught:
        stability.main(["a.h5", "--plot", "a.png"])
    assert caught.value.code == 2
    assert "gsgm-mpi[analysis]" in capsys.readouterr().err


def test_a_legend_tells_what_differs(write_run):
    files = [
        write_run("a.h5", LINE),
        write_run("b.h5", LINE, method="psgd", learners=8),
        write_run("c.h5", LINE, seed=2),
    ]
    runs = [measure(read(file), 2) for file in files]
    assert labels(runs[:1]) == ["gsgm/sgd"]
    assert labels(runs) == [
        "gsgm/sgd, K=4, seed 1",
        "psgd/sgd, K=8, seed 1",
        "gsgm/sgd, K=4, seed 2",
    ]
    twin = measure(read(write_run("d.h5", ZIGZAG)), 2)
    assert labels([runs[0], twin]) == ["gsgm/sgd (a.h5)", "gsgm/sgd (d.h5)"]
