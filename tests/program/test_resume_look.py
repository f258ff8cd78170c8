"""What ``--resume`` finds of a run: how it ended, its newest checkpoint that is whole, or a run of another kind."""

import h5py
import numpy as np
import pytest

from gsgm_mpi.errors import UserError
from gsgm_mpi.program.resume import Found, look
from gsgm_mpi.results import checkpoint
from tests.program.in_process import contents, set_attribute

METHOD = """
from gsgm_mpi.methods import METHODS


class Own(METHODS["downpour"]):
    name = "own"
"""


@pytest.fixture
def stopped(program):
    assert program.run("--method", "downpour", stop_at=15) == 85
    return program / "run.h5"


def look_for(program, *argv, output="run.h5"):
    return look(program.config("--method", "downpour", "--resume", *argv, output=output))


def test_where_there_is_nothing_a_run_begins_anew(program):
    assert look_for(program) == Found()


def test_without_resume_nothing_is_looked_for(program, stopped):
    stopped.write_text("whatever")
    assert look(program.config()) == Found()


def test_of_a_stopped_run_the_checkpoint_is_found(program, stopped):
    found = look_for(program)
    assert found.ended == ""
    assert int(found.state["run.epochs"]) == 1
    with h5py.File(stopped) as file:
        assert int(found.state["engine.conductor.update"]) == len(file["updates/update"])


@pytest.mark.parametrize("status", ["running", "failed"])
def test_a_run_that_was_killed_or_failed_is_gone_on_with(program, stopped, status):
    set_attribute(stopped, status=status)
    assert look_for(program).state is not None


@pytest.mark.parametrize("status", ["finished", "diverged"])
def test_a_run_that_has_ended_is_not(program, stopped, status):
    set_attribute(stopped, status=status)
    assert look_for(program) == Found(ended=status)


def test_a_checkpoint_alone_suffices(program, stopped):
    stopped.unlink()
    assert look_for(program).state is not None


def test_a_results_file_without_a_checkpoint_begins_anew(program, stopped):
    checkpoint.remove_all(stopped)
    assert look_for(program) == Found()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--lr", "0.5"), "--lr was 0.02, now it is 0.5"),
        (("--seed", "2", "--batch-size", "16"), "--batch-size was 8, now it is 16"),
        (("--epochs", "4"), "--epochs was 3, now it is 4"),
        (("--learners", "4"), "--learners was 3, now it is 4"),
        (("--latency", "0.001"), "--latency was 0.0, now it is 0.001"),
        (("--durations", "constant"), "--durations was not given, now it is constant"),
        (("--gate", "barrier"), "--gate was not given, now it is barrier"),
        (("--local-momentum",), "--local-momentum was False, now it is True"),
    ],
)
@pytest.mark.parametrize("there", ["results file", "checkpoint"])
def test_another_configuration_is_refused_by_the_first_option_that_differs(program, stopped, argv, message, there):
    if there == "checkpoint":
        stopped.unlink()
    with pytest.raises(UserError, match="is of another configuration") as caught:
        look_for(program, *argv)
    assert message in str(caught.value)
    assert f"the {there} beside" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_configuration_beside_the_right_results_file_is_refused(program, stopped):
    (path,) = checkpoint.find(stopped)
    state = checkpoint.load_newest(stopped, print)
    identity = checkpoint.text(state, "run.identity").replace('"seed": 1', '"seed": 7')
    checkpoint.save(stopped, 10**6, state | {"run.identity": identity})
    with pytest.raises(UserError, match=r"the checkpoint .* another configuration: --seed was 7, now it is 1"):
        look_for(program)
    assert path.exists()


def test_how_a_run_is_kept_may_change(program, stopped):
    argv = ("--checkpoint-every", "1", "--report-every", "99", "--force", "--cache-dir", str(program.folder))
    assert look_for(program, *argv).state is not None


def own_method(program, text=METHOD):
    path = program / "own.py"
    path.write_text(text)
    return ("--method", f"{path}:Own")


def test_a_file_of_the_user_s_own_that_has_changed_is_refused(program):
    argv = own_method(program)
    assert program.run(*argv, stop_at=15) == 85
    assert look(program.config(*argv, "--resume")).state is not None
    own_method(program, METHOD + "\n    wire = 'another'\n")
    with pytest.raises(UserError, match="the file of --method has changed"):
        look(program.config(*argv, "--resume"))
    (program / "run.h5").unlink()
    with pytest.raises(UserError, match="the file of --method has changed"):
        look(program.config(*argv, "--resume"))


@pytest.mark.parametrize("spoil", [lambda whole: whole[: len(whole) // 2], lambda whole: whole[:-400] + bytes(400)])
def test_a_damaged_newest_checkpoint_is_left_for_the_one_before(program, capsys, spoil):
    assert program.run("--checkpoint-every", "1") == 0
    older, newer = sorted(program.folder.glob("run.h5.checkpoint-*.npz"))
    set_attribute(program / "run.h5", status="running")
    capsys.readouterr()
    newer.write_bytes(spoil(newer.read_bytes()))
    found = look(program.config("--resume"))
    assert int(found.state["engine.conductor.update"]) == int(older.name[-13:-4])
    assert newer.name in capsys.readouterr().err


def test_where_every_checkpoint_is_damaged_the_run_begins_anew_and_comes_out_the_same(program, capsys):
    assert program.run("--checkpoint-every", "1", output="whole.h5") == 0
    assert program.run("--checkpoint-every", "1", stop_at=30) == 85
    for path in checkpoint.find(program / "run.h5"):
        path.write_bytes(path.read_bytes()[:100])
    assert program.run("--checkpoint-every", "1", "--resume") == 0
    assert capsys.readouterr().err.count("is damaged and left out") == 2
    assert contents(program / "run.h5") == contents(program / "whole.h5")


def test_files_that_are_none_are_refused_and_left_alone(program):
    output = program / "run.h5"
    output.write_text("precious")
    with pytest.raises(UserError, match="--output must be a results file"):
        look_for(program)
    with h5py.File(output, "w") as file:
        file["mine"] = np.arange(3)
    with pytest.raises(UserError, match="is another HDF5 file"):
        look_for(program)
    with h5py.File(output) as file:
        assert file["mine"][:].tolist() == [0, 1, 2]


def test_a_file_of_an_older_schema_is_refused(program, stopped):
    set_attribute(stopped, schema_version=1)
    with pytest.raises(UserError, match="has schema version 1"):
        look_for(program)
