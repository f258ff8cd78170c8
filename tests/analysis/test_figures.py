"""figures.py: which runs become which curves, worked out by hand, and what is drawn of them."""

import json
import math
import subprocess
import sys
from pathlib import Path

import figures
import h5py
import numpy as np
import pytest
from _figures_measure import mean_curve, measure
from _figures_scale import error_scale, error_ticks
from _lines import lines
from _results import UnreadableFileError, read
from matplotlib.figure import Figure
from scipy.stats import t

CONFIG = {"method": "gsgm", "algo": "sgd", "learners": 10, "partition": "sorted", "seed": 1, "epochs": 4}
NAN = math.nan


@pytest.fixture
def write(tmp_path):
    """Writes a results file with all columns that a curve can be drawn against; keywords are options of the run."""

    def write(name, accuracy, status="finished", columns=(), **options):
        path = tmp_path / "runs" / name
        path.parent.mkdir(exist_ok=True)
        epoch = np.arange(1, len(accuracy) + 1)
        table = {"epoch": epoch, "update": 600 * epoch, "gradients": 700 * epoch, "sent_bytes": 10**6 * epoch}
        table |= {"wall_s": 10.0 * epoch, "virtual_s": np.full(len(epoch), NAN), "test_accuracy": np.array(accuracy)}
        table |= {name: np.array(column) for name, column in dict(columns).items()}
        with h5py.File(path, "w") as file:
            for column, values in table.items():
                file[f"epochs/{column}"] = values if len(values) else values.astype(np.float64)
            provenance = file.create_group("provenance").attrs
            provenance["config"] = json.dumps(CONFIG | options)
            provenance["status"] = status
        return path

    return write


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, by the name of their file."""
    saved = {}
    save = Figure.savefig

    def keep(figure, path, **options):
        saved[Path(path).name] = figure
        save(figure, path, **options | {"dpi": 30})

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


def draw(tmp_path, *arguments):
    return figures.main([str(tmp_path / "runs"), "-o", str(tmp_path / "out"), "--format", "png", *arguments])


def curve(paths, quantity="accuracy", x="epoch", window=2, band="none"):
    return mean_curve([measure(read(path), x, window) for path in paths], quantity, x != "epoch", band)


def test_the_mean_and_its_interval(write, tmp_path, capsys):
    # Epoch 1: 50, 60, 70 have mean 60 and s = 10. Epoch 2: 62, 62, 65 have mean 63 and s = sqrt(3).
    seeds = [write(f"{i}.h5", values, seed=i) for i, values in enumerate([[0.5, 0.62], [0.6, 0.62], [0.7, 0.65]])]
    found = curve(seeds, band="ci")
    np.testing.assert_allclose(found.mean, [60, 63])
    half = t.ppf(0.975, 2) * np.array([10, math.sqrt(3)]) / math.sqrt(3)
    assert t.ppf(0.975, 2) == pytest.approx(4.302653)
    np.testing.assert_allclose(found.low, found.mean - half)
    np.testing.assert_allclose(found.high, found.mean + half)
    assert draw(tmp_path, "--window", "2") == 0
    caption = "lines: mean over 3 seeds; band: 95 % t interval of the mean, where there are three seeds; sigma: over 2"
    assert caption in capsys.readouterr().out
    wide = curve(seeds, band="range")
    np.testing.assert_allclose([wide.low, wide.high], [[50, 62], [70, 65]])


def test_sigma_is_the_mean_of_the_runs_own_and_its_interval_is_one_of_logarithms(write):
    # The mean of these curves stands still, but each run's pairs deviate by 10, 10 and 40 points.
    seeds = [write("0.h5", [0.2, 0.4]), write("1.h5", [0.4, 0.2]), write("2.h5", [0.1, 0.9])]
    found = curve(seeds, "sigma", band="ci")
    np.testing.assert_allclose(found.mean, [NAN, 20])
    # s = sqrt((100 + 100 + 400) / 2) = sqrt(300), so s / sqrt(3) / mean = 0.5.
    factor = math.exp(t.ppf(0.975, 2) * 0.5)
    np.testing.assert_allclose([found.low[1], found.high[1]], [20 / factor, 20 * factor])


def test_two_seeds_have_no_interval_and_one_has_no_band_at_all(write):
    seeds = [write("0.h5", [0.5, 0.6]), write("1.h5", [0.7])]
    assert np.isnan(curve(seeds, band="ci").low).all()
    np.testing.assert_allclose(curve(seeds, band="range").low, [50, NAN])
    np.testing.assert_allclose(curve(seeds, band="range").high, [70, NAN])


def test_seeds_that_ended_no_longer_count(write):
    seeds = [
        write("0.h5", [0.2, 0.4, 0.6]),
        write("1.h5", [0.4, 0.8], "diverged"),
        write("2.h5", [0.3, NAN, 0.9]),
        write("3.h5", []),
        write("4.h5", [NAN, math.inf], "diverged"),
    ]
    found = curve(seeds)
    np.testing.assert_allclose(found.mean, [30, 60, 75])
    assert (found.seeds.tolist(), found.of) == ([3, 2, 2], 3)
    assert found.diverged == ((2.0, pytest.approx(80)),)
    assert curve(seeds, "sigma").of == 3


def test_other_axes_are_interpolated_between_epochs_and_nowhere_else(write, tmp_path, drawn):
    seeds = [
        write("0.h5", [0.2, 0.4], columns={"wall_s": [1.0, 3.0]}),
        write("1.h5", [0.4, 0.8], columns={"wall_s": [2.0, 4.0]}, seed=2),
    ]
    found = curve(seeds, x="seconds")
    # At 2: (30 + 40) / 2; at 3: (40 + 60) / 2; at 1 and 4 there is one seed.
    np.testing.assert_allclose(found.x, [1, 2, 3, 4])
    np.testing.assert_allclose(found.mean, [20, 35, 50, 80])
    assert found.seeds.tolist() == [1, 2, 2, 1]
    assert draw(tmp_path, "--x", "seconds", "--scale", "linear", "--band", "range") == 0
    top, bottom = drawn["accuracy-sigma-by-seconds.png"].axes
    whole, pale = top.lines
    np.testing.assert_allclose(whole.get_ydata(), [NAN, 35, 50, NAN])
    np.testing.assert_allclose(pale.get_ydata(), [20, 35, 50, 80])
    assert bottom.get_xlabel() == "wall-clock time (s)"
    # At 2 from 30 to 40, at 3 from 40 to 60.
    (band,) = top.collections
    assert {tuple(np.round(corner, 6)) for corner in band.get_paths()[0].vertices} == {
        (2, 30),
        (2, 40),
        (3, 40),
        (3, 60),
    }
    # The lines from 20 to 80, and 4 % of that on either side.
    np.testing.assert_allclose(top.get_ylim(), (17.6, 82.4))


def test_a_gap_is_not_bridged(write):
    gap = write("0.h5", [0.2, NAN, 0.6, 0.8], columns={"wall_s": [1.0, 2.0, 3.0, 4.0]})
    other = write("1.h5", [0.5] * 4, columns={"wall_s": [1.5, 2.5, 3.5, 4.0]})
    assert curve([gap, other], x="seconds").seeds.tolist() == [1, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("x", "places"),
    [("update", [600, 1200]), ("gradients", [700, 1400]), ("bytes", [1e6, 2e6]), ("seconds", [10, 20])],
)
def test_every_axis_has_its_column(write, x, places):
    assert measure(read(write("0.h5", [0.2, 0.4])), x, 2).x.tolist() == places


def test_seconds_are_virtual_where_all_of_them_are(write):
    run = measure(read(write("0.h5", [0.2, 0.4], columns={"virtual_s": [0.5, 1.5]})), "seconds", 2)
    assert (run.x.tolist(), run.clock) == ([0.5, 1.5], "virtual")
    run = measure(read(write("0.h5", [0.2, 0.4], columns={"virtual_s": [0.5, NAN]})), "seconds", 2)
    assert (run.x.tolist(), run.clock) == ([10, 20], "wall-clock")


def test_epochs_that_one_message_completed_are_one_point(write):
    # Pairs deviate by 10, 0 and 20 points.
    path = write("0.h5", [0.2, 0.4, 0.4, 0.8], columns={"update": [600, 1800, 1800, 2400]})
    run = measure(read(path), "update", 2)
    assert run.x.tolist() == [600, 1800, 2400]
    np.testing.assert_allclose(run.accuracy, [20, 40, 80])
    np.testing.assert_allclose(run.sigma, [NAN, 0, 20])


def test_a_column_of_another_length_is_named(write):
    path = write("0.h5", [0.2, 0.4], columns={"sent_bytes": [1]})
    with pytest.raises(UnreadableFileError, match="/epochs/sent_bytes is not one number an epoch"):
        measure(read(path), "bytes", 2)


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


def test_a_figure_for_each_setting_and_a_column_for_each_value(write, tmp_path, capsys, drawn):
    for learners in (30, 4, 10):
        write(f"even{learners}.h5", [0.2, 0.4], learners=learners)
    write("five.h5", [0.2, 0.4], learners=10, speeds="Spread:5")
    write("seed2.h5", [0.4, 0.6], learners=4, seed=2)
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


def test_the_panel_option_can_be_chosen(write, tmp_path, capsys, drawn):
    for learners in (4, 10):
        for share in (25, 75):
            write(f"{learners}{share}.h5", [0.2, 0.4], learners=learners, partition=f"mixed:{share}")
    assert draw(tmp_path, "--panels", "partition", "--x", "bytes") == 0
    assert sorted(drawn) == [f"accuracy-sigma-by-bytes--learners-{learners}.png" for learners in (10, 4)]
    axes = drawn["accuracy-sigma-by-bytes--learners-4.png"].axes
    assert [a.get_title() for a in axes[:2]] == ["(a) mixed:25", "(b) mixed:75"]
    assert axes[2].get_xlabel() == "sent (MB)"
    assert axes[0].lines[0].get_xdata().tolist() == [1, 2]
    # Where the option does not vary there is one column; and one figure where nothing else does.
    assert draw(tmp_path, "--panels", "algo", "--methods", "gsgm") == 0
    assert drawn["accuracy-sigma--learners-4--partition-mixed-25.png"].axes[0].get_title() == "sgd"


def test_names_of_files_are_safe_and_never_the_same(write, tmp_path, drawn):
    long = "durations/" + "x" * 300
    for i, durations in enumerate(("../a b", "..|a b", long + "1", long + "2")):
        write(f"{i}.h5", [0.2, 0.4], durations=durations)
    assert draw(tmp_path) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert (len(names), sorted(drawn)) == (4, names)
    assert max(map(len, names)) < 200
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-") for name in names)
    assert [name[:33] for name in names[:2]] == ["accuracy-sigma--durations-..-a-b-"] * 2


def test_methods_are_chosen_by_name_or_first_word_and_keep_their_lines(write, tmp_path, capsys, drawn):
    write("0.h5", [0.2, 0.4])
    write("1.h5", [0.2, 0.4], method="easgd")
    for period in (4, 8):
        write(f"k{period}.h5", [0.2, 0.4], method="k-avg", period=period)
    write("gate.h5", [0.2, 0.4], gate="ssp", staleness=1)
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


def legend_of(figure):
    """Names and lines as they are read: row by row."""
    (legend,) = figure.legends
    places = [text.get_window_extent() for text in legend.get_texts()]
    rows = sorted({round(place.y0) for place in places}, reverse=True)
    order = sorted(range(len(places)), key=lambda i: (rows.index(round(places[i].y0)), places[i].x0))
    return [(legend.get_texts()[i].get_text(), legend.get_lines()[i]) for i in order]


def test_what_ended_early_is_marked(write, tmp_path, drawn, capsys):
    write("0.h5", [0.2, 0.4, 0.6, 0.8])
    write("1.h5", [0.4, 0.6], "diverged", seed=2)
    write("2.h5", [0.4, 0.6, 0.7, 0.8], method="downpour")
    write("3.h5", [], "running", method="easgd")
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
def test_every_curve_can_be_drawn(write, tmp_path, drawn, capsys, curves, said, scale, x):
    for i, values in enumerate(curves):
        write(f"{i}.h5", values, "running", seed=i)
    assert draw(tmp_path, "--window", "3", "--scale", scale, "--x", x) == 0
    (figure,) = drawn.values()
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == said
    assert capsys.readouterr().err == ""


def test_the_same_runs_give_the_same_file(write, tmp_path):
    write("0.h5", [0.2, 0.4])
    contents = []
    for folder in ("one", "two"):
        assert figures.main([str(tmp_path / "runs"), "-o", str(tmp_path / folder)]) == 0
        contents.append([(tmp_path / folder / f"accuracy-sigma.{suffix}").read_bytes() for suffix in ("png", "pdf")])
    assert contents[0] == contents[1]
    assert [content[:4] for content in contents[0]] == [b"\x89PNG", b"%PDF"]


def test_a_run_told_twice_is_drawn_once(write, tmp_path, drawn, capsys):
    write("0.h5", [0.2, 0.4])
    write("copy.h5", [0.6, 0.8])
    assert draw(tmp_path) == 0
    np.testing.assert_allclose(drawn["accuracy-sigma.png"].axes[0].lines[0].get_ydata(), [20, 40])
    assert (
        "note: copy.h5: left out, another file has a run of the same configuration and seed 1"
        in capsys.readouterr().out
    )


def test_bad_files_stop_nothing(write, tmp_path, drawn, capsys):
    write("good.h5", [0.2, 0.4])
    write("running.h5", [], "running", seed=2)
    write("short.h5", [0.2, 0.4], columns={"test_accuracy": [0.5]}, seed=3)
    whole = write("cut.h5", [0.2] * 500, seed=4).read_bytes()
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


def test_a_figure_that_cannot_be_written_is_named(write, tmp_path, capsys):
    write("0.h5", [0.2, 0.4])
    (tmp_path / "out" / "accuracy-sigma.png").mkdir(parents=True)
    assert draw(tmp_path) == 1
    assert capsys.readouterr() == ("", f"cannot write {tmp_path}/out/accuracy-sigma.png: Is a directory\n")


def test_a_folder_that_cannot_be_made_is_one_line(write, tmp_path, capsys):
    path = write("0.h5", [0.2, 0.4])
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
