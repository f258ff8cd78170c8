"""timeline.py on files of every kind: real runs, unfinished, empty, damaged and foreign ones; and its figure."""

import json

import _script
import h5py
import numpy as np
import pytest
import timeline
from _results import read
from _timeline_events import events
from _timeline_figures import figures
from _timeline_intervals import Kind
from _timeline_measure import GROUPS, Window, measure
from _timeline_plot import draw

from gsgm_mpi.methods.gates import RoundOver, WhiteList
from tests.analysis.handmade import write_results
from tests.program.in_process import Program

MESSAGE, LEAVE, JOIN = range(3)
OUTAGES = ("--outages", "2:0.1-0.2,4:0.15-0.25")
RUNS = {
    "gsgm": ("gsgm", *OUTAGES, "--latency", "0.001", "--server-time", "0.0003"),
    "downpour": ("downpour", "--speeds", "spread:5"),
    "svrg": ("gsgm", "--algo", "svrg", "--inner-epochs", "4"),
    "od-sgd": ("od-sgd", "--warmup-updates", "3"),
    "k-avg": ("k-avg", *OUTAGES),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Results files of real runs in virtual time, by name; each has 144 gradients."""
    folder = tmp_path_factory.mktemp("runs")
    program = Program(folder, folder / "cache")
    common = ("--learners", "5", "--clock", "virtual", "--epochs", "12", "--speeds", "spread:4")
    for name, own in RUNS.items():
        assert program.run(*common, "--method", *own, output=f"{name}.h5") == 0
    return {name: folder / f"{name}.h5" for name in RUNS}


@pytest.mark.parametrize("name", RUNS)
def test_every_learners_time_is_filled_once(runs, name):
    run = read(runs[name], GROUPS)
    found = measure(run)
    seconds = found.intervals.seconds(len(found.learners))
    overlap = seconds[:, Kind.OVERLAP]
    np.testing.assert_allclose(seconds.sum(axis=1) - overlap, found.length_s, rtol=1e-12)
    np.testing.assert_allclose(seconds[:, Kind.COMPUTE], run.column("learners", "compute_s"), rtol=1e-12)
    assert (overlap > 0).any() == (name == "od-sgd")
    base = found.intervals.kind != Kind.OVERLAP
    k, start, end = (getattr(found.intervals, part)[base] for part in ("k", "start_s", "end_s"))
    same = k[1:] == k[:-1]
    np.testing.assert_array_equal(start[1:][same], end[:-1][same])


@pytest.mark.parametrize("name", RUNS)
def test_waits_are_those_that_the_learners_booked(runs, name):
    run = read(runs[name], GROUPS)
    found, happened = measure(run), events(run)
    # What follows the last computing before an absence, a full gradient or the end is booked with nothing.
    for k in range(len(found.learners)):
        parts = found.intervals
        own = (parts.k == k) & (parts.kind != Kind.OVERLAP)
        kinds, lengths = parts.kind[own].tolist(), (parts.end_s - parts.start_s)[own].tolist()
        booked, pending = 0.0, 0.0
        for kind, length in zip(kinds, lengths, strict=True):
            if kind in (Kind.QUEUE, Kind.WAIT):
                pending += length
            else:
                booked += pending if kind == Kind.COMPUTE else 0
                pending = 0.0
        assert booked == pytest.approx(run.column("learners", "wait_s")[k], abs=1e-12)
    assert happened.whole


def test_queued_is_what_the_server_recorded(runs):
    for name in ("gsgm", "k-avg", "svrg"):
        run = read(runs[name], GROUPS)
        found = measure(run)
        learner, step = run.column("updates", "learner"), run.column("updates", "step")
        arrival, queued = run.column("updates", "arrival_s"), run.column("updates", "queued_s")
        rows = {(k, at): seconds for k, at, seconds in zip(learner, arrival, queued, strict=True) if len(step)}
        for k, number in enumerate(found.learners):
            recorded = sum(seconds for (who, _), seconds in rows.items() if who == number)
            total = found.intervals.seconds(len(found.learners))[k, Kind.QUEUE]
            assert total == pytest.approx(recorded, abs=1e-12)


def test_rounds_are_those_of_the_gate(runs):
    run = read(runs["gsgm"], GROUPS)
    found = measure(run)
    kind, learner, arrival = (run.column("trace", name).tolist() for name in ("event", "learner", "arrival_s"))
    gate = WhiteList(found.learners.tolist())
    gate.start(found.learners.tolist())
    over = []
    for what, k, now in zip(kind, learner, nows(kind, arrival), strict=True):
        verdicts = gate.arrive(k, 0) if what == MESSAGE else gate.leave(k) if what == LEAVE else gate.join(k)
        over += [now for verdict in verdicts if isinstance(verdict, RoundOver)]
    assert LEAVE in kind
    assert JOIN in kind
    # At the end, where learners have no work left, the gate is told that they leave.
    n = len(found.rounds.end_s)
    assert n >= len(over) - 2 > 10
    np.testing.assert_allclose(found.rounds.end_s, over[:n], rtol=1e-12)
    now = figures(measure(run, Window("seconds", 0, found.length_s)))
    assert now.least.tolist() == now.most.tolist() == [1] * 5


def test_a_free_run_has_no_rounds_of_its_own(runs):
    found = measure(read(runs["downpour"], GROUPS))
    now = figures(found)
    assert not found.rounds.own
    assert now.most[0] >= 4
    assert now.least[4] == now.most[4] == 1
    assert now.shares[:, Kind.QUEUE].max() == 0


def nows(kinds, arrivals):
    """When the server is done with each event of the run ``gsgm``."""
    found, now = [], 0.0
    for kind, at in zip(kinds, arrivals, strict=True):
        now = max(now, at) + (0.0003 if kind == MESSAGE else 0)
        found.append(now)
    return found


def make(runs, path, change):
    path.write_bytes(runs["gsgm"].read_bytes())
    with h5py.File(path, "a") as file:
        change(file)
    return str(path)


def emptied(file):
    for group in ("trace", "updates", "epochs"):
        for name, data in list(file[group].items()):
            del file[group][name]
            file[group][name] = data[:0]
    file["provenance"].attrs["status"] = "running"


def cut(file):
    """As the file stood after 60 events: what was used by then is what the last of them set off."""
    kind, arrival = file["trace/event"][:60].tolist(), file["trace/arrival_s"][:60].tolist()
    now = nows(kind, arrival)[-1]
    used = file["updates/arrival_s"][:] + file["updates/queued_s"][:]
    for group, rows in (("trace", 60), ("updates", int(np.sum(used < now + 1e-9))), ("epochs", 0)):
        for name, data in list(file[group].items()):
            values = data[:rows]
            del file[group][name]
            file[group][name] = values
    file["provenance"].attrs["status"] = "running"


def without_trace(file):
    del file["trace"]


def replaced(group, name, values):
    def change(file):
        old = file[group][name][:]
        del file[group][name]
        file[group][name] = values(old)

    return change


BROKEN = {
    "trace.h5": (without_trace, "has no group /trace: not a results file of a run"),
    "short.h5": (replaced("trace", "seconds", lambda old: old[:-1]), "/trace/seconds is not one number a row"),
    "nan.h5": (
        replaced("trace", "arrival_s", lambda old: old * np.nan),
        "/trace/arrival_s has a value that is no time",
    ),
    "who.h5": (replaced("updates", "learner", lambda old: old + 90), "/updates/learner names a learner that /learners"),
    "step.h5": (
        replaced("updates", "step", lambda old: old[::-1]),
        "/updates has a gradient whose message is not in /t",
    ),
    "text.h5": (
        replaced("trace", "wait_s", lambda old: np.array([b"x"] * len(old))),
        "/trace/wait_s is not one number",
    ),
}


def test_what_cannot_be_read_stops_nothing_else(runs, tmp_path, capsys):
    files = [str(runs["gsgm"])]
    files += [make(runs, tmp_path / name, change) for name, (change, _) in BROKEN.items()]
    files.append(make(runs, tmp_path / "empty.h5", emptied))
    files.append(make(runs, tmp_path / "cut.h5", lambda file: (cut(file), _reseed(file, 7))))
    (tmp_path / "foreign.h5").write_text("no")
    (tmp_path / "truncated.h5").write_bytes(runs["gsgm"].read_bytes()[:-3000])
    files += [str(tmp_path / name) for name in ("foreign.h5", "truncated.h5", "missing.h5")]
    picture = tmp_path / "all.png"
    assert timeline.main([*files, "--plot", str(picture), "--csv", str(tmp_path / "all.csv")]) == 1
    captured = capsys.readouterr()
    for name, (_, reason) in BROKEN.items():
        assert f"cannot read {tmp_path / name}: {reason}" in captured.err
    for name in ("foreign.h5", "truncated.h5", "missing.h5"):
        assert f"cannot read {tmp_path / name}: " in captured.err
    assert len(captured.err.splitlines()) == len(BROKEN) + 3
    assert "GSGM, seed 1 (gsgm.h5)" in captured.out
    assert "GSGM, seed 7 (cut.h5)" in captured.out
    assert "note: cut.h5: running, 0 of 12 epochs so far" in captured.out
    assert "empty.h5: left out" in captured.out
    assert picture.read_bytes().startswith(b"\x89PNG")


def _reseed(file, number):
    attributes = file["provenance"].attrs
    attributes["config"] = json.dumps(json.loads(attributes["config"]) | {"seed": number})


def test_a_run_that_has_just_begun(runs, tmp_path, capsys):
    path = make(runs, tmp_path / "empty.h5", emptied)
    assert timeline.main([path, "--plot", str(tmp_path / "a.pdf"), "--csv", str(tmp_path / "a.csv")]) == 0
    assert "nothing is on record there" in capsys.readouterr().out
    assert (tmp_path / "a.csv").read_text() == "file,learner,kind,start_s,end_s,update\n"


def test_a_run_that_is_under_way(runs, tmp_path):
    path = make(runs, tmp_path / "cut.h5", cut)
    found = measure(read(path, GROUPS))
    seconds = found.intervals.seconds(5)
    np.testing.assert_allclose(seconds.sum(axis=1), found.length_s)
    assert seconds[:, Kind.UNKNOWN].max() > 0


def test_above_twelve_learners_the_table_is_a_summary(tmp_path, capsys):
    k = np.arange(1, 14)
    # Learner k takes k seconds for its only gradient.
    common = {"learner": k, "step": 0 * k, "arrival_s": 1.0 * k}
    groups = {
        "trace": common | {"event": 0 * k, "sent_s": 0.0 * k, "seconds": 1.0 * k, "wait_s": 0.0 * k},
        "updates": common | {"update": k, "queued_s": 0.0 * k, "applied": 0 * k + 1},
        "learners": {"learner": k},
        "epochs": {"epoch": [1], "update": [13]},
    }
    path = write_results(tmp_path / "many.h5", groups, {"method": "downpour"})
    assert timeline.main([str(path)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[3:7]]
    assert rows == [
        ["fastest", "(1)", "7.7", "0.0", "92.3", "1", "0", "1"],
        ["median", "(7)", "53.8", "0.0", "46.2", "1", "0", "1"],
        ["slowest", "(13)", "100.0", "0.0", "0.0", "1", "0", "1"],
        # 7 of 13 seconds on average.
        ["mean", "53.8", "0.0", "46.2", "1.0", "0.0", "1"],
    ]
    assert timeline.main([str(path), "--learners"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3 + 13 + 1 + 1 + 1 + 4


def test_the_figure(runs):
    timelines = [measure(read(path, GROUPS)) for path in runs.values()]
    figure = draw(timelines)
    panels = figure.axes
    assert [panel.get_title(loc="left") for panel in panels] == [
        *("GSGM (gsgm.h5)", "DSGD", "GSGM (svrg.h5)", "OD-SGD", "K-AVG")
    ]
    spans = [np.ptp(panel.get_xlim()) for panel in panels]
    np.testing.assert_allclose(spans, max(found.span_s for found in timelines))
    assert draw([]).axes
    late = measure(read(runs["gsgm"], GROUPS), Window("seconds", 90, 91))
    assert draw([late]).axes[0].texts[0].get_text().startswith("the run ends at ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "FILE"),
        (["a.h5", "--window", "2:1"], "'2:1' is not two numbers A:B with A < B"),
        (["a.h5", "--window", "nan:1"], "is not two numbers"),
        (["a.h5", "--updates", "1.5:2"], "'1.5:2' is not two whole numbers A:B with A < B"),
        (["a.h5", "--updates", "1:2", "--epochs", "1:2"], "not allowed with"),
        (["a.h5", "--plot", "a.svg"], "--plot must end in .png or .pdf, not 'a.svg'"),
        (["a.h5", "--csv", "none/a.csv"], "--csv: there is no folder 'none'"),
    ],
)
def test_a_wrong_command_line_exits_with_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        timeline.main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_what_cannot_be_written_is_named(runs, tmp_path, capsys, monkeypatch):
    for name in ("a.png", "a.csv"):
        (tmp_path / name).mkdir()
    path = str(runs["gsgm"])
    assert timeline.main([path, "--plot", str(tmp_path / "a.png"), "--csv", str(tmp_path / "a.csv")]) == 1
    assert capsys.readouterr().err == "".join(
        f"cannot write {tmp_path / n}: Is a directory\n" for n in ("a.csv", "a.png")
    )
    monkeypatch.setattr(_script, "find_spec", lambda _: None)
    with pytest.raises(SystemExit):
        timeline.main([path, "--plot", "a.png"])
