"""The figure of compare.py: that it is written whatever the curves are, and what is drawn."""

import math

import compare
import numpy as np
import pytest
from _compare_plot import mean_curve, styles


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_plot_is_written_whatever_the_curves(write_compared, tmp_path, capsys, suffix, start):
    # None at all, all NaN, one point, perfect, and one of another setting.
    curves = [[], [math.nan] * 2, [0.5], [0.5, 1.0], [0.2, math.nan, 0.4]]
    files = [
        str(write_compared(f"{i}.h5", curve, learners=4 + i // 4, method=f"m{i}")) for i, curve in enumerate(curves)
    ]
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


def test_a_curve_is_the_mean_evaluation_by_evaluation(two_compared, write_compared, monkeypatch):
    write_compared("g3.h5", [0.6, 0.6], "diverged", seconds=5.0, seed=3)
    drawn = []
    monkeypatch.setattr("_compare_plot.plot", lambda groups, _: drawn.extend(groups))
    assert compare.main([str(two_compared), "--plot", str(two_compared / "a.png")]) == 0
    spent, accuracy = mean_curve(drawn[0].rows[0], "seconds", "virtual")
    # 2 4, 2 4 and 5 10 seconds; 0.2 0.5, 0.2 0.4 and 0.6 0.6.
    np.testing.assert_allclose(spent, [3, 6])
    np.testing.assert_allclose(accuracy, [1 / 3, 0.5])
