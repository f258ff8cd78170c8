"""A record is proved by recomputing it; what was changed in it is found, and the first update concerned named."""

import re

import h5py
import numpy as np
import pytest

from gsgm_mpi.results.schema import TRACE, UPDATES
from tests.program.in_process import contents, cut_rows, edit, set_attribute

#: Each message is one update at once, so that event i is update i + 1.
PLAIN = ("--method", "downpour", "--slow", "1:3")


@pytest.fixture
def record(program):
    assert program.run(*PLAIN) == 0
    return program / "run.h5"


def test_an_untouched_record_is_proved_to_the_last_bit(program, record, capsys):
    before = record.read_bytes()
    assert program.replay() == 0
    out, err = capsys.readouterr()
    assert "36 updates, 36 events and 3 epochs, and the final weights, are the same, to the last bit" in out
    assert err == ""
    assert record.read_bytes() == before
    assert [path.name for path in program.folder.iterdir()] == ["run.h5"]


def put(name, row, change):
    def spoil(path):
        def changed(values):
            values[row] = change(values[row])
            return values

        edit(path, name, changed)

    return spoil


def next_float(x):
    return np.nextafter(x, np.inf, dtype=x.dtype)


def without_event(path, *, renumbered):
    for column in TRACE:
        edit(path, f"trace/{column.name}", lambda values: np.delete(values, 17))
    if renumbered:
        edit(path, "trace/index", lambda values: np.arange(len(values)))


def swapped_events(path):
    """Two messages of different learners have come in the other order."""
    for column in TRACE:
        if column.name != "index":
            edit(path, f"trace/{column.name}", swap)


def swap(values):
    values[[17, 18]] = values[[18, 17]]
    return values


EDITS = {
    "fingerprint": (put("trace/fingerprint", 17, lambda x: x ^ np.uint64(1)), 18, "fingerprint"),
    "step": (put("trace/step", 17, lambda x: x + 1), 18, "step"),
    "sent": (put("trace/sent_s", 17, next_float), 18, "sent_s"),
    "seconds": (put("trace/seconds", 17, next_float), 18, "compute_s"),
    "arrival": (put("trace/arrival_s", 17, next_float), 18, "arrival_s"),
    "a learner for another": (put("trace/learner", 17, lambda k: k % 3 + 1), 18, ""),
    "two events swapped": (swapped_events, 18, ""),
    "an event deleted": (lambda path: without_event(path, renumbered=False), 18, ""),
    "an event deleted, the rest renumbered": (lambda path: without_event(path, renumbered=True), 18, ""),
    "the first loss": (put("updates/loss", 0, next_float), 1, "loss"),
    "the last gap": (put("updates/gap", 35, next_float), 36, "gap"),
    "a norm that is none": (put("updates/grad_norm", 20, lambda x: np.nan), 21, "grad_norm"),
    "a staleness": (put("updates/staleness", 20, lambda x: x + 1), 21, "staleness"),
    "used or dropped": (put("updates/applied", 20, lambda x: 0), 21, "applied"),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_was_changed_in_a_row_names_its_update(program, record, capsys, name):
    spoil, update, column = EDITS[name]
    spoil(record)
    assert program.replay() == 1
    out, err = capsys.readouterr()
    assert re.search(rf"--replay: update {update} differs: .*{column}", err), err
    assert err.count("\n") == 1
    assert "the same" not in out


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("test_accuracy", lambda x: x + 1 / 1000),
        ("test_loss", next_float),
        ("train_loss", next_float),
        ("virtual_s", next_float),
        ("sent_bytes", lambda x: x + 4),
        ("gradients", lambda x: x - 1),
        ("class_accuracy", lambda row: row[::-1] + 0.25),
    ],
)
def test_what_was_changed_in_an_epoch_is_named(program, record, capsys, column, change):
    put(f"epochs/{column}", 1, change)(record)
    assert program.replay() == 1
    assert re.search(rf"epoch 2 differs: {column}", capsys.readouterr().err)


def test_a_changed_final_weight_is_named(program, record, capsys):
    put("final/weights", 11, next_float)(record)
    assert program.replay() == 1
    err = capsys.readouterr().err
    assert "all 36 updates are the same, but 1 of the" in err
    assert "the first of them weight 11" in err


def test_the_first_of_several_differences_is_the_one_that_is_named(program, record, capsys):
    for row in (30, 12, 20):
        put("updates/loss", row, next_float)(record)
    put("updates/gap", 25, next_float)(record)
    assert program.replay() == 1
    assert "update 13 differs" in capsys.readouterr().err


def test_times_on_the_wall_prove_nothing(program, record):
    put("epochs/wall_s", 1, lambda x: x + 1)(record)
    assert program.replay() == 0


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"trace": 20}, "rows of /"),
        ({"updates": 20}, "rows of /"),
        ({"epochs": 2}, "rows of /epochs"),
        ({"trace": 20, "updates": 20, "epochs": 1}, "final weights"),
    ],
)
def test_rows_that_are_missing_from_a_finished_record_are_missed(program, record, capsys, tables, message):
    cut_rows(record, **tables)
    assert program.replay() == 1
    assert message in capsys.readouterr().err


def test_rows_that_no_run_writes_are_found(program, record, capsys):
    for column in UPDATES:
        edit(record, f"updates/{column.name}", lambda values: np.append(values, values[-1:]))
    assert program.replay() == 1
    assert "updates" in capsys.readouterr().err


@pytest.mark.parametrize(("learner", "event"), [(4, 0), (-1, 0), (0, 0), (1, 9), (2, 2)])
def test_events_that_cannot_be_are_said_to_be_so(program, record, capsys, learner, event):
    put("trace/learner", 5, lambda x: learner)(record)
    put("trace/event", 5, lambda x: event)(record)
    assert program.replay() == 1
    out, err = capsys.readouterr()
    assert "event 5 of /trace" in err
    assert "Traceback" not in out + err


def test_a_record_cut_while_it_was_written_is_proved_as_far_as_it_goes(program, record, capsys):
    """As a run that was killed leaves it: the newest epoch was being evaluated when the file was written."""
    assert program.replay("--until", "25", "--output", str(program / "again.h5")) == 0
    cut_rows(record, updates=25, trace=25, epochs=1)
    set_attribute(record, status="running", end="")
    with h5py.File(program / "again.h5") as again, h5py.File(record, "r+") as file:
        file["final/weights"][:] = again["final/weights"][:]
    capsys.readouterr()
    assert program.replay() == 0
    assert "25 updates, 25 events and 2 epochs, and the final weights, are the same" in capsys.readouterr().out
    put("updates/loss", 24, next_float)(record)
    assert program.replay() == 1
    assert "update 25 differs" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ("--method", "gsgm", "--slow", "1:3"),
        ("--method", "gsgm", "--algo", "svrg", "--inner-epochs", "1", "--outages", "2:0.02-0.06"),
        ("--method", "downpour", "--gate", "barrier"),
        ("--method", "ringleader", "--slow", "3:4"),
        ("--method", "malenia", "--slow", "3:4"),
        ("--method", "od-sgd", "--warmup-updates", "9"),
        ("--method", "fedbuff", "--local-steps", "3", "--buffer", "4", "--slow", "3:4"),
        ("--method", "k-avg", "--period", "2", "--local-momentum"),
        ("--method", "dana-zero", "--partition", "dirichlet:0.5", "--weighting", "samples"),
    ],
    ids=lambda argv: "-".join(argv[1:4]),
)
@pytest.mark.parametrize("stop_at", [3, 8, 11])
def test_a_run_stopped_at_any_event_is_proved(program, capsys, argv, stop_at):
    """Messages that nothing has come of yet are part of the record too."""
    assert program.run(*argv, stop_at=stop_at) == 85
    capsys.readouterr()
    assert program.replay() == 0, capsys.readouterr().err
    assert "and the final weights, are the same" in capsys.readouterr().out


def test_a_change_in_the_last_message_of_a_stopped_run_is_found(program, capsys):
    """One of which nothing has come yet, so that no update tells."""
    assert program.run("--method", "downpour", "--gate", "barrier", stop_at=15) == 85
    with h5py.File(program / "run.h5") as file:
        events = len(file["trace/index"]) - 1  # and the stop
        assert events > len(file["updates/update"])
    put("trace/fingerprint", events - 1, lambda x: x + np.uint64(1))(program / "run.h5")
    assert program.replay() == 1
    assert "fingerprint" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [(), ("--algo", "svrg"), ("--method", "k-avg")])
def test_a_diverged_run_s_rows_that_are_no_numbers_are_the_same_ones(program, capsys, argv):
    assert program.run("--lr", "1e30", *argv) == 0
    with h5py.File(program / "run.h5") as file:
        assert file["provenance"].attrs["status"] == "diverged"
        assert not np.isfinite(file["updates/loss"][:]).all()
        assert np.isnan(file["final/weights"][:]).any()
    assert program.replay() == 0
    assert "and the final weights, are the same" in capsys.readouterr().out


def test_a_number_in_place_of_none_is_found(program, capsys):
    assert program.run("--lr", "1e30") == 0
    with h5py.File(program / "run.h5") as file:
        row = int(np.flatnonzero(np.isnan(file["updates/loss"][:]))[0])
    put("updates/loss", row, lambda x: 0.0)(program / "run.h5")
    assert program.replay() == 1
    assert f"update {row + 1} differs: loss was 0.0, recomputed it is nan" in capsys.readouterr().err


def test_a_record_of_other_data_is_told_apart_from_a_difference(program, record, capsys):
    set_attribute(record, partition_hash="0" * 64)
    assert program.replay() == 1
    assert "the data set or its partition is not the recorded one" in capsys.readouterr().err


def test_until_stops_after_that_update_and_tells_its_accuracy(program, record, capsys):
    assert program.replay("--until", "20") == 0
    out = capsys.readouterr().out
    assert "20 updates, 20 events and 1 epochs are the same, to the last bit" in out
    assert "after update 20: accuracy 0." in out


def test_until_does_not_look_beyond(program, record):
    put("updates/loss", 20, next_float)(record)
    assert program.replay("--until", "20") == 0
    assert program.replay("--until", "21") == 1


@pytest.mark.parametrize("last", [36, 37, 1000])
def test_until_the_end_or_beyond_is_the_whole_run(program, record, capsys, last):
    assert program.replay("--until", str(last)) == 0
    assert "and the final weights, are the same" in capsys.readouterr().out


def test_until_in_the_midst_of_a_message_of_several_gradients(program, capsys):
    argv = ("--method", "fedbuff", "--local-steps", "4", "--buffer", "3")
    assert program.run(*argv) == 0
    for last in (1, 2, 3, 4, 5):
        capsys.readouterr()
        assert program.replay("--until", str(last), "--output", str(program / f"{last}.h5")) == 0
        assert f"after update {last}" in capsys.readouterr().out
        with h5py.File(program / f"{last}.h5") as file:
            assert file["updates/update"][:].tolist() == list(range(1, last + 1))


def test_with_output_the_whole_record_is_written_again(program, record):
    assert program.replay("--output", str(program / "again.h5")) == 0
    assert contents(program / "again.h5") == contents(record)
    with h5py.File(record) as one, h5py.File(program / "again.h5") as other:
        assert other["provenance"].attrs["status"] == one["provenance"].attrs["status"] == "finished"
        assert other["provenance"].attrs["replayed"] == one["provenance"].attrs["start"]
    assert program.replay(output="again.h5") == 0
