"""What is recorded of a run, and when it is evaluated."""

import json
import threading
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from gsgm_mpi.engines.clock import Happening, Kind
from gsgm_mpi.engines.conductor import UpdateRow
from gsgm_mpi.plan import Plan
from gsgm_mpi.program.journal import Journal
from gsgm_mpi.results.recorder import Recorder


class Silent:
    def tick(self, update):
        pass

    def on_epoch(self, row):
        pass


PHASE = Happening(Kind.FULL_GRADIENT, 0, 1.0, 0.0, arrival_s=2.0, now_s=2.0)


def scores(w):
    return SimpleNamespace(accuracy=float(w[0]), loss=1.0, class_accuracy=np.array([float(w[0]), 0.0]))


def assemble(tmp_path, evaluate=scores, plan=None, cost=1):
    recorder = Recorder(
        tmp_path / "run.h5", {}, hosts=["a", "b"], label_counts=np.ones((2, 2), int), weights=lambda: np.zeros(1, "f4")
    )
    plan = plan or Plan(batches=(1, 1), epochs=9, lr=0.5)
    return Journal(recorder, evaluate, plan, Silent(), cost, lambda: 1.0), recorder


def row(update, loss, learner=1, applied=True):
    return UpdateRow(update, learner, 0, 0, 0, 0.0, 1.0, loss, 0.5, 0.0, 0.1, 0.2, applied)


def test_an_epoch_s_row(tmp_path):
    plan = Plan(batches=(1, 1), epochs=4, lr=0.5, inner_epochs=2)
    journal, recorder = assemble(tmp_path, plan=plan, cost=2)
    journal.on_event(PHASE)
    journal.on_sent(1000)
    for update, loss in [(1, 2.0), (2, 4.0)]:
        journal.on_update(row(update, loss))
    journal.on_epoch(1, 2, np.array([0.5], "f4"))
    journal.on_event(PHASE)
    for update, loss in [(3, 1.0), (4, 1.0), (5, 7.0), (6, 9.0)]:
        journal.on_update(row(update, loss, learner=2, applied=update != 5))
    journal.on_epoch(3, 6, np.array([0.75], "f4"))
    journal.finish("finished")
    with h5py.File(recorder.path) as file:
        epochs = {name: file["epochs"][name][:].tolist() for name in file["epochs"]}
        assert epochs["update"] == [2, 6]
        # 2 a step and U = 2 a full pass.
        assert epochs["gradients"] == [2 * 2 + 2, 2 * 6 + 4]
        assert epochs["outer"] == [1, 2]
        assert epochs["train_loss"] == [3.0, 4.5]
        assert epochs["test_accuracy"] == [0.5, 0.75]
        assert epochs["class_accuracy"] == [[0.5, 0.0], [0.75, 0.0]]
        assert epochs["sent_bytes"] == [1000, 1000]
        assert file["learners/updates"][:].tolist() == [2, 3]
        assert file["learners/dropped"][:].tolist() == [0, 1]


def test_evaluation_sees_the_weights_of_its_epoch_and_does_not_hold_up_the_server(tmp_path):
    gate = threading.Event()

    def slow(w):
        assert gate.wait(10)
        return scores(w)

    journal, recorder = assemble(tmp_path, slow)
    w = np.array([0.25], "f4")
    journal.on_epoch(1, 2, w)
    w[0] = 0.5  # the server goes on
    journal.on_epoch(2, 4, w)
    assert not journal.tick()
    assert len(recorder.epochs) == 0
    gate.set()
    journal.finish("finished")
    assert recorder.epochs["test_accuracy"].tolist() == [0.25, 0.5]


def test_the_file_is_whole_after_an_epoch(tmp_path):
    journal, recorder = assemble(tmp_path)
    journal.on_epoch(1, 2, np.array([0.25], "f4"))
    while not journal.tick():
        pass
    with h5py.File(recorder.path) as file:
        assert file["epochs/test_accuracy"][:].tolist() == [0.25]
        assert file["provenance"].attrs["status"] == "running"
    journal.finish("stopped")


def test_a_file_that_could_not_be_written_is_noted_in_the_next_one(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    journal, recorder = assemble(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "_fill", full)
        journal.write()
    journal.write()
    with h5py.File(recorder.path) as file:
        (note,) = json.loads(file["provenance"].attrs["notes"])
    assert "the results file could not be written, the next epoch tries again" in note
    assert "No space left on device" in capsys.readouterr().err
    journal.finish("stopped")


def test_an_evaluation_that_fails_ends_the_run_and_the_file_says_so(tmp_path):
    def bad(w):
        raise RuntimeError("no evaluation today")

    journal, recorder = assemble(tmp_path, bad)
    for epoch in (1, 2, 3):
        journal.on_epoch(epoch, 2 * epoch, np.array([0.25], "f4"))
    with pytest.raises(RuntimeError, match="no evaluation today"):
        journal.finish("finished")
    journal.finish("failed", "no evaluation today")
    with h5py.File(recorder.path) as file:
        assert file["provenance"].attrs["status"] == "failed"
