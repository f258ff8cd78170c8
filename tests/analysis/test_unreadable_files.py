"""Every kind of file that is no results file is named with its reason, and stops nothing else."""

import fcntl
import json
import re

import h5py
import numpy as np
import pytest
import stability
from _results import UnreadableFileError, read

LINE = [0.2, 0.4, 0.6, 0.8]


def missing(path):
    return "no such file"


def empty(path):
    path.touch()
    return "the file is empty"


def text(path):
    path.write_text("epoch,accuracy\n1,0.5\n")
    return "not an HDF5 file"


def truncated(path):
    with h5py.File(path, "w") as file:
        file["epochs/test_accuracy"] = np.zeros(1000)
    path.write_bytes(path.read_bytes()[:-2000])
    return r"damaged or truncated HDF5 file \(.+\)"


def flipped_bit(path):
    with h5py.File(path, "w") as file:
        file.create_group("provenance")
        file.create_dataset("epochs/test_accuracy", data=np.arange(64.0), fletcher32=True)
        offset = file["epochs/test_accuracy"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    return r"damaged or truncated HDF5 file \(.+\)"


def no_epochs(path):
    with h5py.File(path, "w") as file:
        file.create_group("provenance")
    return "has no group /epochs: not a results file of a run"


def no_provenance(path):
    with h5py.File(path, "w") as file:
        file["epochs/epoch"] = [1]
    return "has no group /provenance: not a results file of a run"


def no_accuracy(path):
    with h5py.File(path, "w") as file:
        file.create_group("provenance")
        file["epochs/epoch"] = [1]
    return "has no data set /epochs/test_accuracy"


def odd_accuracy(path):
    with h5py.File(path, "w") as file:
        file.create_group("provenance")
        file["epochs/epoch"] = [1, 2]
        file["epochs/test_accuracy"] = [0.5]
    return "/epochs/test_accuracy is not one number an epoch"


def bad_config(path):
    with h5py.File(path, "w") as file:
        file.create_group("epochs")
        file.create_group("provenance").attrs["config"] = "{"
    return r"/provenance/config is not JSON \(.+\)"


def config_list(path):
    with h5py.File(path, "w") as file:
        file.create_group("epochs")
        file.create_group("provenance").attrs["config"] = b"[]"
    return "/provenance/config is not a JSON object"


def empty_folder(path):
    path.mkdir()
    return r"the folder holds no \*.h5 file"


BAD = [missing, empty, text, truncated, flipped_bit, no_epochs, no_provenance, no_accuracy]
BAD += [odd_accuracy, bad_config, config_list, empty_folder]


@pytest.mark.parametrize("spoil", BAD)
@pytest.mark.parametrize("place", ["FILE", "--against"])
def test_an_unreadable_file_is_named_and_the_others_are_shown(write_run, tmp_path, capsys, spoil, place):
    good = write_run("good.h5", LINE)
    bad = tmp_path / "bad.h5"
    reason = spoil(bad)
    named = [str(bad)] if place == "FILE" else ["--against", str(bad)]
    assert stability.main([str(good), *named]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1].startswith("good.h5")
    assert re.fullmatch(f"cannot read {re.escape(str(bad))}: {reason}\n", captured.err)
    assert stability.main([str(good), *named, "--json"]) == 1
    (listed,) = json.loads(capsys.readouterr().out)["unreadable"]
    assert listed["file"] == str(bad)
    assert re.fullmatch(reason, listed["reason"])


def test_only_unreadable_files_give_no_table(tmp_path, capsys):
    assert stability.main([str(tmp_path / "none.h5"), "--plot", str(tmp_path / "a.png")]) == 1
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "a.png").exists()


def test_a_locked_file_is_named(write_run, monkeypatch):
    path = write_run("a.h5", LINE)
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UnreadableFileError, match=r"a\.h5: locked by another program"):
            read(path)


def test_a_file_that_is_gone_for_a_moment_is_read(write_run, monkeypatch):
    path = write_run("a.h5", LINE)
    aside = path.rename(path.with_suffix(".aside"))
    monkeypatch.setattr("_results.time.sleep", lambda _: aside.rename(path))
    assert len(read(path).column("epochs", "epoch")) == 4
