"""The converted copy: made once, whole or not at all, remade where damaged; held-out samples."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from gsgm_mpi.data import cache, default_cache_dir, hold_out, load, prepare, store
from gsgm_mpi.data.atomic import put_in_place, scratch
from gsgm_mpi.errors import UserError

SPEC = "synthetic:1x4x4:3:30"


@pytest.fixture
def said():
    return []


@pytest.fixture
def convert(tmp_path, said):
    def call(spec=SPEC, seed=0, cache_dir=tmp_path / "cache"):
        return prepare(spec, data_dir=None, cache_dir=cache_dir, download=False, seed=seed, say=said.append)

    return call


def test_a_copy_is_made_once_and_mapped(convert, said):
    path = convert()
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert convert() == path
    assert len(said) == 1
    assert convert(seed=1) != path
    images = load(path)
    assert isinstance(images.train_x, np.memmap)
    assert not images.train_x.flags.writeable
    assert images.shape == (1, 4, 4)
    assert images.train_y.dtype == np.int64
    in_memory = load(path, mmap=False)
    assert not isinstance(in_memory.train_x, np.memmap)
    assert np.array_equal(in_memory.train_x, images.train_x)
    assert images.mean[0] == pytest.approx(images.train_x.mean() / 255)
    assert images.std[0] == pytest.approx(images.train_x.std() / 255)


def remove(path):
    path.unlink()


def shorten(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [remove, shorten])
@pytest.mark.parametrize("name", ["train_x.npy", "test_y.npy", "facts.json"])
def test_a_damaged_copy_is_refused_and_remade(convert, damage, name):
    path = convert()
    before = (path / name).read_bytes()
    damage(path / name)
    with pytest.raises(UserError, match=r"--cache-dir .* no intact data set"):
        load(path)
    assert convert() == path
    assert (path / name).read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_crash_leaves_nothing(convert, monkeypatch, tmp_path):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store.json, "dumps", die)
    monkeypatch.setattr(cache, "folder_name", lambda _: "copy")
    with pytest.raises(KeyboardInterrupt):
        convert()
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_a_killed_process_left_goes_after_a_day(tmp_path):
    old, new = tmp_path / ".copy.tmp-1", tmp_path / ".copy.tmp-2"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    with scratch(tmp_path / "copy"):
        assert not old.exists()
        assert new.exists()


def test_many_converters_at_once(convert):
    paths, errors = [], []

    def work():
        try:
            paths.append(convert("synthetic:1x8x8:3:2000"))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(paths) == 8
    assert len(set(paths)) == 1
    assert [p.name for p in paths[0].parent.iterdir()] == [paths[0].name]
    assert len(load(paths[0]).train_y) == 2000


def test_a_good_folder_stays_and_a_bad_one_goes(tmp_path):
    made, target = tmp_path / "made", tmp_path / "target"
    for folder, text in ((made, "new"), (target, "old")):
        folder.mkdir()
        (folder / "file").write_text(text)
    put_in_place(made, target, lambda _: True)
    assert (target / "file").read_text() == "old"
    put_in_place(made, target, lambda _: False)
    assert (target / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_cache_that_cannot_be_written(convert, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--cache-dir .* cannot be written"):
        convert(cache_dir=tmp_path / "file" / "cache")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_write_array", full)
    with pytest.raises(UserError, match=r"--cache-dir .* cannot be written .No space left"):
        convert()
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_default_folder(monkeypatch):
    monkeypatch.delenv("GSGM_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    assert default_cache_dir() == Path("/home/me/.cache/gsgm_mpi")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert default_cache_dir() == Path("/xdg/gsgm_mpi")
    monkeypatch.setenv("GSGM_CACHE_DIR", "/own")
    assert default_cache_dir() == Path("/own")


def test_no_home(monkeypatch):
    def homeless(self):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("GSGM_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(UserError, match="--cache-dir has no default"):
        default_cache_dir()


def test_held_out_samples_are_stratified_and_seeded():
    labels = np.repeat([0, 1, 2, 3], [100, 50, 2, 1])
    train, held = hold_out(labels, 0.1, seed=0)
    assert np.array_equal(np.sort(np.concatenate([train, held])), np.arange(153))
    assert np.bincount(labels[held], minlength=4).tolist() == [10, 5, 1, 0]
    assert np.array_equal(hold_out(labels, 0.1, seed=0)[1], held)
    assert not np.array_equal(hold_out(labels, 0.1, seed=1)[1], held)
    _, most = hold_out(labels, 0.999, seed=0)
    assert np.bincount(labels[most], minlength=4).tolist() == [99, 49, 1, 0]


def test_held_out_samples_become_the_test_part(convert):
    images = load(convert())
    _, held = hold_out(images.train_y, 0.2, seed=0)
    checked = images.tested_on(held)
    assert checked.train_x is images.train_x
    assert np.array_equal(checked.test_x, images.train_x[held])
    assert np.array_equal(checked.test_y, images.train_y[held])


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 2, float("nan")])
def test_a_fraction_out_of_range(fraction):
    with pytest.raises(UserError, match="--validation must be a fraction above 0 and below 1"):
        hold_out(np.zeros(10, int), fraction, seed=0)


def test_nothing_to_hold_out():
    with pytest.raises(UserError, match=r"--validation 0.5 needs a class with at least two"):
        hold_out(np.arange(5), 0.5, seed=0)
