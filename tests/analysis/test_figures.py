"""figures.py: what is drawn of which runs, and what stands in which figure."""

import math

import numpy as np
import pytest
from _figures_scale import error_scale, error_ticks
from _lines import lines

from tests.analysis.curves import draw, legend_of

NAN = math.nan


def test_the_papers_methods_have_their_own_lines_whatever_else_is_shown():
    paper = ["GSGM", "DSGD", "DSGD-LM", "PSGD-1", "PSGD-1-LM", "PSGD-2", "PSGD-2-LM"]
    others = ["SSGD", "FedBuff", "K-AVG period=4", "K-AVG-LM period=4", "GSGM (ssp 1)", "DSGD-LM (white list)"]
    found = lines([*paper, *others])
    assert {name: found[name] for name in paper} == lines(paper)
    assert lines(["PSGD-2-LM"])["PSGD-2-LM"] == found["PSGD-2-LM"]
    for base in ("DSGD", "PSGD-1", "PSGD-2"):
        assert found[base].colour == found[f"{base}-LM"].colour
        assert found[base].dash != found[f"{base}-LM"].dash
    assert found["K-AVG period=4"].colour == found["K-AVG-LM period=4"].colour
    assert len({found[base].colour for base in ("GSGM", "DSGD", "PSGD-1", "PSGD-2")}) == 4
    assert [name for name, line in found.items() if line.first] == ["GSGM"]
    every = lines([*paper, *(f"m{i}{momentum}" for i in range(15) for momentum in ("", "-LM"))])
    assert len({(line.colour, str(line.dash)) for line in every.values()}) == 7 + 30


def test_the_error_scale():
    forward, inverse = error_scale(0.1)
    np.testing.assert_allclose(forward([0, 90, 99, 99.9, 100]), [-2, -1, 0, 1, 1])
    np.testing.assert_allclose(inverse(forward([0, 50, 97.5])), [0, 50, 97.5])
    # Errors of 1, 2 and 5 in each decade; 1, 2, 3, 5, 7 where there are too few; and evenly over a short range.
    assert error_ticks(5, 99.2) == [50, 80, 90, 95, 98, 99]
    assert error_ticks(45, 97.5) == [50, 70, 80, 90, 93, 95, 97]
    assert error_ticks(61, 65) == [61, 62, 63, 64, 65]


def test_a_figure_for_each_setting_and_a_column_for_each_value(write_curve, tmp_path, capsys, drawn):
    for learners in (30, 4, 10):
        write_curve(f"even{learners}.h5", [0.2, 0.4], learners=learners)
    write_curve("five.h5", [0.2, 0.4], learners=10, speeds="Spread:5")
    write_curve("seed2.h5", [0.4, 0.6], learners=4, seed=2)
    assert draw(tmp_path, "--window", "2") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/out/accuracy-sigma--speeds-none.png",
        "  even speeds; columns: K = 4, K = 10, K = 30; lines: mean over 1 to 2 seeds; no band; "
        "sigma: over 2 epochs (ddof=0)",
        f"{tmp_path}/out/accuracy-sigma--speeds-spread-5.png",
        "  speeds Spread:5; K = 10; lines: a single seed; no band; sigma: over 2 epochs (ddof=0)",
    ]
    axes = drawn["accuracy-sigma--speeds-none.png"].axes
    assert [a.get_title() for a in axes] == ["(a) K = 4", "(b) K = 10", "(c) K = 30", "(d)", "(e)", "(f)"]
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), [30, 50])
    np.testing.assert_allclose(axes[1].lines[0].get_ydata(), [20, 40])
    np.testing.assert_allclose(axes[3].lines[0].get_ydata(), [NAN, 10])


def test_the_panel_option_can_be_chosen(write_curve, tmp_path, capsys, drawn):
    for learners in (4, 10):
        for share in (25, 75):
            write_curve(f"{learners}{share}.h5", [0.2, 0.4], learners=learners, partition=f"mixed:{share}")
    assert draw(tmp_path, "--panels", "partition", "--x", "bytes") == 0
    assert sorted(drawn) == [f"accuracy-sigma-by-bytes--learners-{learners}.png" for learners in (10, 4)]
    axes = drawn["accuracy-sigma-by-bytes--learners-4.png"].axes
    assert [a.get_title() for a in axes[:2]] == ["(a) mixed:25", "(b) mixed:75"]
    assert axes[2].get_xlabel() == "sent (MB)"
    assert axes[0].lines[0].get_xdata().tolist() == [1, 2]
    # Where the option does not vary there is one column; and one figure where nothing else does.
    assert draw(tmp_path, "--panels", "algo", "--methods", "gsgm") == 0
    assert drawn["accuracy-sigma--learners-4--partition-mixed-25.png"].axes[0].get_title() == "sgd"


def test_methods_are_chosen_by_name_or_first_word_and_keep_their_lines(write_curve, tmp_path, capsys, drawn):
    write_curve("0.h5", [0.2, 0.4])
    write_curve("1.h5", [0.2, 0.4], method="easgd")
    for period in (4, 8):
        write_curve(f"k{period}.h5", [0.2, 0.4], method="k-avg", period=period)
    write_curve("gate.h5", [0.2, 0.4], gate="ssp", staleness=1)
    assert draw(tmp_path) == 0
    every = drawn["accuracy-sigma.png"]
    assert draw(tmp_path, "--methods", "gsgm,k-avg") == 0
    some = drawn["accuracy-sigma.png"]
    legend = dict(legend_of(every))
    assert list(legend) == ["GSGM", "GSGM (ssp-1)", "EASGD", "K-AVG period=4", "K-AVG period=8"]
    left = dict(legend_of(some))
    assert list(left) == ["GSGM", "K-AVG period=4", "K-AVG period=8"]
    assert all(line.get_color() == legend[name].get_color() for name, line in left.items())
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        draw(tmp_path, "--methods", "GSGM,none")
    assert caught.value.code == 2
    assert "no run of 'none'; there are GSGM, GSGM (ssp-1), EASGD, K-AVG period=4" in capsys.readouterr().err


def test_what_ended_early_is_marked(write_curve, tmp_path, drawn, capsys):
    write_curve("0.h5", [0.2, 0.4, 0.6, 0.8])
    write_curve("1.h5", [0.4, 0.6], "diverged", seed=2)
    write_curve("2.h5", [0.4, 0.6, 0.7, 0.8], method="downpour")
    write_curve("3.h5", [], "running", method="easgd")
    assert draw(tmp_path, "--window", "2") == 0
    top, bottom = drawn["accuracy-sigma.png"].axes
    whole, pale, cross, other, _ = top.lines
    np.testing.assert_allclose(whole.get_ydata(), [30, 50, NAN, NAN])
    np.testing.assert_allclose(pale.get_ydata(), [NAN, 50, 60, 80])
    assert pale.get_alpha() < 1
    assert whole.get_alpha() is None
    assert (cross.get_marker(), cross.get_xdata(), cross.get_ydata()) == ("x", [2], [pytest.approx(60)])
    np.testing.assert_allclose(other.get_ydata(), [40, 60, 70, 80])
    assert whole.get_zorder() > other.get_zorder()
    assert whole.get_linewidth() > other.get_linewidth()
    assert bottom.get_yscale() == "log"
    # Errors from 20 to 70 points, and some room.
    np.testing.assert_allclose(top.get_ylim(), (100 - 70 * 1.15, 100 - 20 / 1.2))
    explained = [name for name, _ in legend_of(drawn["accuracy-sigma.png"])]
    assert explained == ["GSGM", "DSGD", "EASGD", "pale: fewer seeds", "diverged"]
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("  lines: mean over 1 to 2 seeds; ")
    assert said[2:] == [
        "note: 1.h5: diverged, 2 of 4 epochs",
        "note: 3.h5: running, 0 of 4 epochs so far",
    ]


@pytest.mark.parametrize(
    ("curves", "said"),
    [
        ([[]], ["no epoch yet", "no 3 epochs yet"]),
        ([[NAN, NAN]], ["no epoch yet", "no 3 epochs yet"]),
        ([[0.5]], ["no 3 epochs yet"]),
        ([[0.1] * 5], ["no change of accuracy"]),
        ([[0.0] * 5], ["no change of accuracy"]),
        ([[1.0] * 5], ["no change of accuracy"]),
        ([[1.0, 0.9, 1.0, 0.99999999]], []),
        ([[0.2, NAN, 0.4, 0.5, 0.6], [], [0.3]], []),
    ],
)
@pytest.mark.parametrize(("scale", "x"), [("error", "epoch"), ("linear", "seconds")])
def test_every_curve_can_be_drawn(write_curve, tmp_path, drawn, capsys, curves, said, scale, x):
    for i, values in enumerate(curves):
        write_curve(f"{i}.h5", values, "running", seed=i)
    assert draw(tmp_path, "--window", "3", "--scale", scale, "--x", x) == 0
    (figure,) = drawn.values()
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == said
    assert capsys.readouterr().err == ""


def test_a_run_told_twice_is_drawn_once(write_curve, tmp_path, drawn, capsys):
    write_curve("0.h5", [0.2, 0.4])
    write_curve("copy.h5", [0.6, 0.8])
    assert draw(tmp_path) == 0
    np.testing.assert_allclose(drawn["accuracy-sigma.png"].axes[0].lines[0].get_ydata(), [20, 40])
    assert (
        "note: copy.h5: left out, another file has a run of the same configuration and seed 1"
        in capsys.readouterr().out
    )
