"""Checkpoints of a running run: when they are written, what is in them, and that a run goes on from one as if uncut."""

import h5py
import numpy as np
import pytest

from gsgm_mpi.program.saver import Saver
from gsgm_mpi.results import checkpoint
from tests.program.in_process import contents, edit


class Part:
    def __init__(self, order, name, **state):
        self.order, self.name, self.now = order, name, state

    def state(self):
        return self.now

    def restore(self, state):
        self.order.append(self.name)
        self.now = state


@pytest.fixture
def output(tmp_path):
    return tmp_path / "run.h5"


def saver_of(output, every=2, order=None, complain=pytest.fail, **parts):
    saver = Saver(output, every, {"lr": 0.5}, lambda: 12.5, {"start": "then"}, complain)
    order = [] if order is None else order
    saver.parts = {name: Part(order, name, **state) for name, state in parts.items()}
    return saver


def test_one_is_due_once_every_so_many_epochs_even_where_a_message_completes_several(output):
    saver, written = saver_of(output), []
    for epochs in (0, 1, 2, 2, 3, 5, 5, 6, 9):
        if saver.due(epochs):
            saver.progress = lambda epochs=epochs: (10 * epochs, epochs)
            saver.save()
            written.append(epochs)
    assert written == [2, 5, 6, 9]


def test_none_is_due_where_none_is_asked_for(output):
    assert not any(saver_of(output, every=0).due(epochs) for epochs in range(9))


def test_what_is_saved_is_restored_in_order_and_each_part_has_its_own(output):
    saver = saver_of(output, journal={"x": 1, "rows": np.arange(3)}, engine={"x": 2}, engine2={"x": 3})
    saver.progress = lambda: (40, 5)
    saver.save()
    state = checkpoint.load_newest(output, print)
    assert (float(state["run.elapsed"]), checkpoint.text(state, "run.start")) == (12.5, "then")
    order = []
    other = saver_of(output, order=order, journal={}, engine={}, engine2={})
    other.restore(state)
    assert order == ["journal", "engine", "engine2"]
    assert {name: int(part.now["x"]) for name, part in other.parts.items()} == {"journal": 1, "engine": 2, "engine2": 3}
    assert set(other.parts["engine"].now) == {"x"}
    assert [other.due(epochs) for epochs in (5, 6)] == [False, True]


def test_a_full_disk_is_said_and_the_run_goes_on(output, monkeypatch):
    complaints = []

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    saver = saver_of(output, complain=complaints.append, engine={"x": 1})
    saver.progress = lambda: (7, 2)
    monkeypatch.setattr(np, "savez", full)
    saver.save()
    assert [complaint[:50] for complaint in complaints] == ["the checkpoint after update 7 could not be written"]
    assert checkpoint.find(output) == []
    assert not saver.due(3)
    assert saver.due(4)


def test_a_run_keeps_the_last_two_and_a_new_one_removes_them(program):
    assert program.run("--checkpoint-every", "1", "--epochs", "5") == 0
    found = checkpoint.find(program / "run.h5")
    assert [int(path.name[-13:-4]) for path in found] == [48, 36]
    assert all(not path.name.startswith(".") for path in program.folder.iterdir())
    assert program.run("--force") == 0
    assert checkpoint.find(program / "run.h5") == []


def test_checkpoints_change_nothing_in_the_record(program):
    assert program.run("--algo", "svrg", "--inner-epochs", "2") == 0
    assert program.run("--algo", "svrg", "--inner-epochs", "2", "--checkpoint-every", "1", output="other.h5") == 0
    assert contents(program / "run.h5") == contents(program / "other.h5")


CASES = [
    ("--method", "gsgm", "--slow", "1:3", "--latency", "0.002", "--bandwidth", "1e6", "--server-time", "0.001"),
    ("--method", "gsgm", "--algo", "svrg", "--inner-epochs", "1", "--outages", "2:0.02-0.06,1:0.1-0.2"),
    ("--method", "psgd-1-lm"),
    ("--method", "ringleader", "--slow", "3:4"),
    ("--method", "od-sgd", "--warmup-updates", "9"),
    ("--method", "fedbuff", "--local-steps", "3", "--buffer", "4"),
    ("--method", "hier-avg", "--group-size", "1", "--local-momentum", "--partition", "dirichlet:0.5"),
    ("--method", "dana-zero", "--budget", "per-learner", "--partition", "dirichlet:0.5"),
]


@pytest.mark.parametrize("argv", CASES, ids=lambda argv: "-".join(argv[1:4]))
def test_a_run_stopped_again_and_again_is_the_run_that_was_not(program, argv):
    assert program.run(*argv, output="whole.h5") == 0
    codes = [85]
    while codes[-1] == 85:
        codes.append(program.run(*argv, "--resume", stop_at=5))
        assert len(codes) < 30
    assert codes[-1] == 0
    with h5py.File(program / "run.h5") as file:
        provenance = file["provenance"].attrs
        assert provenance["status"] == "finished"
        assert provenance["resumed"].count("T") == codes[1:].count(85) >= 2
        events = file["trace/event"][:]
        assert not (events == 3).any()
    assert contents(program / "run.h5") == contents(program / "whole.h5")


@pytest.mark.parametrize("argv", CASES[1::2], ids=lambda argv: "-".join(argv[1:4]))
def test_a_killed_run_goes_on_from_its_last_checkpoint_to_the_same_end(program, argv):
    """What the file has beyond the checkpoint is done again, once."""
    assert program.run(*argv, output="whole.h5") == 0
    assert program.run(*argv, "--checkpoint-every", "1") == 0
    with h5py.File(program / "run.h5", "r+") as file:
        file["provenance"].attrs["status"] = "running"
    edit(program / "run.h5", "final/weights", lambda w: w + 1)
    assert program.run(*argv, "--checkpoint-every", "1", "--resume") == 0
    assert contents(program / "run.h5") == contents(program / "whole.h5")


@pytest.mark.parametrize("stop_at", [1, 2, 6, 7, 8, 9, 10, 14])
def test_a_run_of_several_loops_is_stopped_before_and_within_and_between_them(program, stop_at):
    argv = ("--algo", "svrg", "--inner-epochs", "1", "--epochs", "2", "--batch-size", "16")
    assert program.run(*argv, output="whole.h5") == 0
    assert program.run(*argv, stop_at=stop_at) in (0, 85)
    assert program.run(*argv, "--resume") == 0
    assert contents(program / "run.h5") == contents(program / "whole.h5")


def test_a_state_that_lacks_what_a_learner_remembers_is_seen_in_the_end(program):
    """The rule's memory is in the checkpoint and counts."""
    argv = ("--method", "psgd-1-lm")
    assert program.run(*argv, output="whole.h5") == 0
    assert program.run(*argv, stop_at=15) == 85
    path = checkpoint.find(program / "run.h5")[0]
    state = checkpoint.load_newest(program / "run.h5", print)
    memories = [name for name in state if name.startswith("engine.memory.")]
    assert {name.split(".")[2] for name in memories} == {"1", "2", "3"}
    checkpoint.save(program / "run.h5", int(path.name[-13:-4]), state | {name: 0 * state[name] for name in memories})
    assert program.run(*argv, "--resume") == 0
    assert contents(program / "run.h5") != contents(program / "whole.h5")
