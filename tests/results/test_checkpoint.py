"""Checkpoint files: whole or not there at all, numbers and nothing else, the last two kept."""

import zipfile

import numpy as np
import pytest

from gsgm_mpi.results import checkpoint

STATE = {
    "engine.w": np.arange(12, dtype=np.float32),
    "engine.update": 7,
    "engine.now": 0.1,
    "engine.begun": True,
    "engine.nothing": np.empty((0, 3)),
    "journal.rows": np.array([(1, 0.5), (2, np.nan)], dtype=[("update", "i8"), ("loss", "f4")]),
    "run.identity": '{"lr": 0.5, "path": "Größe"}',
}


@pytest.fixture
def output(tmp_path):
    return tmp_path / "run.h5"


class Said:
    """What the user was told."""

    def __init__(self):
        self.lines = []

    def __call__(self, text):
        self.lines.append(text)


@pytest.fixture
def said():
    return Said()


def same(one, other):
    return set(one) == set(other) and all(
        (one[name].dtype, one[name].shape, one[name].tobytes())
        == (other[name].dtype, other[name].shape, other[name].tobytes())
        for name in one
    )


def test_everything_comes_back_to_the_last_bit(output, said):
    checkpoint.save(output, 7, STATE)
    found = checkpoint.load_newest(output, said)
    assert set(found) == set(STATE)
    for name in ("engine.w", "engine.nothing", "journal.rows"):
        assert found[name].dtype == STATE[name].dtype
        assert found[name].shape == STATE[name].shape
        assert found[name].tobytes() == STATE[name].tobytes()
    assert (int(found["engine.update"]), float(found["engine.now"]), bool(found["engine.begun"])) == (7, 0.1, True)
    assert checkpoint.text(found, "run.identity") == STATE["run.identity"]
    assert said.lines == []


def test_nothing_is_found_where_there_is_nothing(output, said):
    (output.parent / "other.h5.checkpoint-000000007.npz").write_bytes(b"")
    (output.parent / "run.h5.checkpoint-7.npz").write_bytes(b"")
    (output.parent / ".run.h5.checkpoint-000000007.npz.12.part").write_bytes(b"")
    assert checkpoint.load_newest(output, said) is None
    assert said.lines == []


def test_only_the_last_two_are_kept_and_the_newest_is_the_one_with_most_updates(output, said):
    for update in (5, 999_999_999, 70, 1_000_000_000):
        checkpoint.save(output, update, {"update": update})
    names = sorted(path.name for path in output.parent.iterdir())
    assert names == ["run.h5.checkpoint-1000000000.npz", "run.h5.checkpoint-999999999.npz"]
    assert int(checkpoint.load_newest(output, said)["update"]) == 1_000_000_000


def test_a_checkpoint_holds_no_pickle(output):
    path = checkpoint.save(output, 7, STATE)
    with np.load(path, allow_pickle=False) as file:
        assert all(not file[name].dtype.hasobject for name in file.files)


def test_a_pickle_in_a_checkpoint_is_never_run(output, said):
    checkpoint.save(output, 1, {"update": 1})
    np.savez(output.with_name("run.h5.checkpoint-000000002.npz"), update=np.array([object()]))
    assert int(checkpoint.load_newest(output, said)["update"]) == 1
    assert len(said.lines) == 1
    assert "run.h5.checkpoint-000000002.npz" in said.lines[0]


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, -1])
def test_of_a_truncated_one_the_user_is_told_and_the_one_before_is_taken(output, said, kept):
    checkpoint.save(output, 1, {"update": 1})
    newest = checkpoint.save(output, 2, STATE)
    whole = newest.read_bytes()
    newest.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    assert int(checkpoint.load_newest(output, said)["update"]) == 1
    assert len(said.lines) == 1
    assert newest.name in said.lines[0]
    assert "\n" not in said.lines[0]


def test_no_damaged_byte_is_ever_taken_for_a_value(output, said):
    """Each byte in turn: either the state is the same all the same, or the one before is taken."""
    checkpoint.save(output, 1, {"update": 1})
    newest = checkpoint.save(output, 2, STATE)
    whole = newest.read_bytes()
    good = checkpoint.load_newest(output, said)
    wrong = []
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x01 if place % 2 else 0x10
        newest.write_bytes(damaged)
        try:
            found = checkpoint.load_newest(output, said)
        except Exception as error:
            wrong.append((place, repr(error)))
            continue
        if set(found) != {"update"} and not same(found, good):
            wrong.append((place, "taken for whole"))
    assert wrong == []


def test_where_all_are_damaged_there_is_none(output, said):
    for update in (1, 2):
        checkpoint.save(output, update, STATE).write_bytes(b"PK\x03\x04 and no more")
    assert checkpoint.load_newest(output, said) is None
    assert len(said.lines) == 2


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one_and_nothing_beside_it(output, said, monkeypatch):
    checkpoint.save(output, 1, {"update": 1})

    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(output, 2, STATE)
    assert [path.name for path in output.parent.iterdir()] == ["run.h5.checkpoint-000000001.npz"]
    assert int(checkpoint.load_newest(output, said)["update"]) == 1


def test_a_file_appears_only_when_it_is_complete(output, monkeypatch):
    seen = []

    def replaced(self, target):
        seen.append((self.name, zipfile.is_zipfile(self), target.name, checkpoint.find(output)))

    monkeypatch.setattr(type(output), "replace", replaced)
    checkpoint.save(output, 3, STATE)
    ((part, complete, target, found),) = seen
    assert part.startswith(".")
    assert complete
    assert target == "run.h5.checkpoint-000000003.npz"
    assert found == []


def test_a_run_that_begins_anew_removes_its_own_and_no_other_s(output):
    for name in ("run.h5", "another.h5"):
        for update in (1, 2):
            checkpoint.save(output.with_name(name), update, STATE)
    checkpoint.remove_all(output)
    assert checkpoint.find(output) == []
    assert len(checkpoint.find(output.with_name("another.h5"))) == 2
