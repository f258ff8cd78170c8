"""The results file: contents, conventions, wholeness."""

import json
import warnings

import h5py
import numpy as np
import pytest
import xarray

from gsgm_mpi.engines.conductor import UpdateRow
from gsgm_mpi.results.recorder import Recorder
from gsgm_mpi.results.schema import EPOCHS, LEARNERS, TRACE, UPDATES

GROUPS = {"epochs": EPOCHS, "updates": UPDATES, "learners": LEARNERS, "trace": TRACE}


@pytest.fixture
def recorder(tmp_path):
    weights = np.array([1, 2, 3], dtype=np.float32)
    return Recorder(
        tmp_path / "run.h5",
        {"config": {"lr": 0.5, "method": "gsgm"}, "learners": 2, "seed": 1},
        hosts=["a", "b"],
        label_counts=np.array([[5, 0], [1, 4]]),
        weights=lambda: weights,
    )


def fill(recorder, epochs=3):
    for e in range(1, epochs + 1):
        recorder.epochs.append((e, 2 * e, 2 * e, 100, 1, 0.5 * e, np.nan, 0.1 * e, 1.0, 2.0, 0.5))
        recorder.class_accuracy.append(np.array([0.25, np.nan]))
        for k in (1, 2):
            row = UpdateRow(2 * e + k - 2, k, e - 1, 0, 0, 0.0, 1.0, 2.0, 0.5, 0.0, 0.1, 0.2, applied=True)
            recorder.updates.append(row)
            recorder.trace.append((len(recorder.trace), 0, k, 3, 0.05, 0.1, 0.2, 0.3, 2**63 + 5))
    recorder.set_learners([3, 3], [0, 0], [1.0, 2.0], [0.1, 0.2])


@pytest.mark.parametrize("epochs", [0, 1, 300])
def test_every_group_opens_in_xarray_without_a_warning(recorder, epochs):
    fill(recorder, epochs)
    recorder.write()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, columns in GROUPS.items():
            with xarray.open_dataset(recorder.path, group=name, engine="h5netcdf") as data:
                assert set(data.variables) >= {column.name for column in columns}
                for column in columns:
                    assert data[column.name].attrs["units"] == column.units
                    assert data[column.name].attrs["long_name"] == column.long_name
                    assert data[column.name].dims == (columns[0].name,)
        with xarray.open_dataset(recorder.path, group="epochs", engine="h5netcdf") as data:
            assert data.class_accuracy.dims == ("epoch", "class")
            assert data.class_accuracy.shape == (epochs, 2)
        with xarray.open_dataset(recorder.path, group="learners", engine="h5netcdf") as data:
            assert data.label_counts.values.tolist() == [[5, 0], [1, 4]]
            assert data.host.values.tolist() == ["a", "b"]
        with xarray.open_dataset(recorder.path, group="final", engine="h5netcdf") as data:
            assert data.weights.values.tolist() == [1, 2, 3]


def test_values_come_back_exactly(recorder):
    fill(recorder)
    recorder.finish("finished")
    with h5py.File(recorder.path) as file:
        assert file["epochs/epoch"][:].tolist() == [1, 2, 3]
        assert file["epochs/test_accuracy"][:].tolist() == [0.1, 0.2, 0.30000000000000004]
        assert file["trace/fingerprint"][0] == 2**63 + 5
        assert file["learners/updates"][:].tolist() == [3, 3]
        assert file["learners/samples"][:].tolist() == [5, 5]
        provenance = dict(file["provenance"].attrs)
        assert json.loads(provenance["config"]) == {"lr": 0.5, "method": "gsgm"}
        assert (provenance["status"], provenance["seed"], provenance["schema_version"]) == ("finished", 1, 2)
        assert provenance["start"] <= provenance["end"]


def test_a_write_that_fails_leaves_the_old_file(recorder, monkeypatch):
    fill(recorder, 1)
    recorder.write()
    fill(recorder, 2)
    monkeypatch.setattr("gsgm_mpi.results.recorder._scale", lambda *_: (_ for _ in ()).throw(RuntimeError("disk full")))
    with pytest.raises(RuntimeError, match="disk full"):
        recorder.write()
    with h5py.File(recorder.path) as file:
        assert len(file["epochs/epoch"]) == 1
        assert file["provenance"].attrs["status"] == "running"
    assert [path.name for path in recorder.path.parent.iterdir()] == ["run.h5"]


def test_a_flipped_bit_is_found(recorder):
    fill(recorder, 300)
    recorder.write()
    whole = bytearray(recorder.path.read_bytes())
    with h5py.File(recorder.path) as file:
        offset = file["updates/staleness"].id.get_chunk_info(0).byte_offset
    whole[offset + 20] ^= 1
    recorder.path.write_bytes(whole)
    with h5py.File(recorder.path) as file, pytest.raises(OSError, match=r"[Cc]an.t"):
        file["updates/staleness"][:]


def test_the_latest_notes_are_kept(recorder):
    for i in range(60):
        recorder.note(f"note {i}")
    recorder.write()
    with h5py.File(recorder.path) as file:
        assert json.loads(file["provenance"].attrs["notes"]) == [f"note {i}" for i in range(10, 60)]
