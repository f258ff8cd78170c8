"""Reading back a results file: every value as it was, and one line for what is none."""

import h5py
import numpy as np
import pytest

from gsgm_mpi.engines.conductor import UpdateRow
from gsgm_mpi.errors import UserError
from gsgm_mpi.results.reader import read_provenance, read_run
from gsgm_mpi.results.recorder import Recorder
from gsgm_mpi.results.schema import EPOCHS, SCHEMA_VERSION, TRACE, UPDATES

W = np.array([1.5, -2.25, np.nan], dtype=np.float32)


@pytest.fixture
def path(tmp_path):
    """Two learners; the second's messages of two steps each come before the first's."""
    recorder = Recorder(
        tmp_path / "run.h5",
        {"config": {"lr": 0.1, "seed": 3}, "learners": 2, "clock": "wall", "sources": {}},
        hosts=["n1", "n2"],
        label_counts=np.array([[5, 0], [1, 4]]),
        weights=lambda: W,
    )
    order = [(2, 0), (2, 1), (1, 0), (2, 2), (2, 3), (1, 1)]
    for update, (k, step) in enumerate(order, start=1):
        seconds = 10.0 * k + step
        recorder.updates.append(
            UpdateRow(update, k, step, update - 1, 0, 0.5, 1.0, np.nan, 0.1, 0.0, seconds, 0.2 * update, update != 3)
        )
        event = {"index": update - 1, "learner": k, "step": step, "seconds": seconds, "fingerprint": 2**63 + update}
        recorder.trace.append(tuple(event.get(column.name, 0) for column in TRACE))
    recorder.epochs.append((1, 6, 6, 100, 1, 0.5, np.nan, 0.1, 1.0, 2.0, 0.5))
    recorder.class_accuracy.append(np.array([0.25, np.nan]))
    recorder.finish("stopped")
    return recorder.path


def test_every_column_comes_back(path):
    run = read_run(path, "--replay")
    assert (run.learners, run.status, run.hosts) == (2, "stopped", ["n1", "n2"])
    assert run.config == {"lr": 0.1, "seed": 3}
    assert set(run.trace) == {column.name for column in TRACE}
    assert set(run.updates) == {column.name for column in UPDATES}
    assert set(run.epochs) == {column.name for column in EPOCHS} | {"class_accuracy"}
    assert run.weights.tobytes() == W.tobytes()
    assert run.trace["fingerprint"].tolist() == [2**63 + update for update in range(1, 7)]
    assert run.updates["applied"].tolist() == [1, 1, 0, 1, 1, 1]
    assert np.isnan(run.updates["loss"]).all()
    assert run.epochs["class_accuracy"].shape == (1, 2)


def test_the_seconds_of_each_learner_are_in_the_order_of_its_own_steps(path):
    with h5py.File(path, "r+") as file:  # used in another order than computed, as a wait queue may have it
        for name in ("learner", "step", "compute_s"):
            values = file["updates"][name][:]
            file["updates"][name][:] = values[[4, 2, 0, 1, 5, 3]]
    assert read_run(path, "--durations-from").measured().seconds == {1: [10.0, 11.0], 2: [20.0, 21.0, 22.0, 23.0]}


def test_a_learner_that_computed_nothing_has_no_seconds(path):
    with h5py.File(path, "r+") as file:
        file["updates/learner"][:] = 1
        file["updates/step"][:] = np.arange(6)
    assert read_run(path, "--durations-from").measured().seconds[2] == []


def text(path):
    path.write_text("no HDF5 at all")


def empty(path):
    path.write_bytes(b"")


def truncated(path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def folder(path):
    path.unlink()
    path.mkdir()


def missing(path):
    path.unlink()


def another_hdf5(path):
    with h5py.File(path, "w") as file:
        file["x"] = 1


def without_version(path):
    with h5py.File(path, "w") as file:
        file.create_group("provenance")


def older(path):
    with h5py.File(path, "r+") as file:
        file["provenance"].attrs["schema_version"] = SCHEMA_VERSION - 1


def newer(path):
    with h5py.File(path, "r+") as file:
        file["provenance"].attrs["schema_version"] = SCHEMA_VERSION + 1


FOREIGN = [
    (text, "must be a results file"),
    (empty, "must be a results file"),
    (truncated, "must be a results file"),
    (folder, "there is no file"),
    (missing, "there is no file"),
    (another_hdf5, "is another HDF5 file"),
    (without_version, "is another HDF5 file"),
    (older, f"has schema version {SCHEMA_VERSION - 1}, this program reads {SCHEMA_VERSION}"),
    (newer, f"has schema version {SCHEMA_VERSION + 1}, this program reads {SCHEMA_VERSION}"),
]


@pytest.mark.parametrize("read", [read_run, read_provenance])
@pytest.mark.parametrize(("spoil", "message"), FOREIGN)
def test_what_is_no_results_file_of_this_schema_is_one_line(path, read, spoil, message):
    spoil(path)
    with pytest.raises(UserError, match=message) as caught:
        read(path, "--replay")
    assert "--replay" in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["trace/fingerprint", "updates/loss", "epochs/class_accuracy", "final/weights", "learners/host"]
)
def test_a_part_that_is_missing_is_named(path, name):
    with h5py.File(path, "r+") as file:
        del file[name]
    with pytest.raises(UserError, match=name.split("/")[1]) as caught:
        read_run(path, "--replay")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["config", "learners", "sources", "start", "status", "clock"])
def test_provenance_that_is_incomplete_is_an_error_of_the_user_s(path, name):
    with h5py.File(path, "r+") as file:
        if name in file["provenance"].attrs:
            del file["provenance"].attrs[name]
    with pytest.raises(UserError, match=rf"lacks {name} in /provenance"):
        read_run(path, "--replay")


def test_a_flipped_bit_is_an_error_and_not_a_number(path):
    with h5py.File(path) as file:
        offset = file["updates/arrival_s"].id.get_chunk_info(0).byte_offset
    damaged = bytearray(path.read_bytes())
    damaged[offset + 12] ^= 4
    path.write_bytes(damaged)
    with pytest.raises(UserError, match="--replay must be a results file that can be read"):
        read_run(path, "--replay")


def test_reading_changes_nothing(path):
    before = path.read_bytes()
    read_run(path, "--replay")
    read_provenance(path, "--output")
    assert path.read_bytes() == before
