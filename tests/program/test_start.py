"""Rank 0 before the others are told: what a command begins, and what it is refused for."""

import signal
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from gsgm_mpi.cli import parse
from gsgm_mpi.errors import UserError
from gsgm_mpi.program.output import Lock
from gsgm_mpi.program.start import begin
from tests.program.in_process import contents, recorded_config, set_attribute

ROOT = Path(__file__).parents[2]


def start(program, *argv, output="run.h5", ranks=1):
    argv = program.argv(*argv, output=output)
    return begin(parse(argv, recorded_config), ranks, argv)


def start_replay(program, *argv, output="run.h5"):
    argv = ["--replay", str(program / output), *argv]
    return begin(parse(argv, recorded_config), 1, argv)


def test_a_second_run_is_refused_while_the_first_holds_the_results_file(program):
    first = start(program)
    for argv in ((), ("--force",), ("--resume",)):
        with pytest.raises(UserError, match="is being written by another run that has not ended") as caught:
            start(program, *argv)
        assert "\n" not in str(caught.value)
    other = start(program, output="other.h5")
    other.lock.release()
    first.lock.release()
    start(program).lock.release()
    assert [path for path in program.folder.iterdir() if path.suffix == ".lock"] == []


def test_the_lock_follows_a_link(program):
    first = start(program)
    (program / "link.h5").symlink_to(program / "run.h5")
    with pytest.raises(UserError, match="is being written by another run"):
        start(program, output="link.h5")
    first.lock.release()


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from gsgm_mpi.program.output import Lock; "
        "lock = Lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    output = tmp_path / "run.h5"
    process = subprocess.Popen([sys.executable, "-c", code, str(output)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another run"):
            Lock(output)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        Lock(output).release()


def test_a_refused_command_leaves_nothing_behind(program):
    for argv, message in [
        (("--model", "nofile.py:Net"), "--model"),
        (("--partition", "pathological:99"), "--partition"),
        (("--learners", "1000"), "--learners|learners"),
    ]:
        with pytest.raises(UserError, match=message):
            start(program, *argv)
        assert list(program.folder.iterdir()) == []


def test_a_refused_resume_leaves_everything_as_it_was_and_the_lock_free(program):
    assert program.run(stop_at=15) == 85
    before = {path.name: path.read_bytes() for path in program.folder.iterdir()}
    with pytest.raises(UserError, match="another configuration"):
        start(program, "--resume", "--lr", "0.5")
    assert {path.name: path.read_bytes() for path in program.folder.iterdir()} == before
    Lock(program / "run.h5").release()


def test_of_a_finished_run_nothing_is_left_to_do(program, capsys):
    assert program.run() == 0
    before = {path.name: path.read_bytes() for path in program.folder.iterdir()}
    capsys.readouterr()
    assert start(program, "--resume") is None
    assert "has finished; nothing is left to do" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in program.folder.iterdir()} == before
    Lock(program / "run.h5").release()


def test_resume_without_anything_starts_anew_and_is_a_run_like_any_other(program):
    begun = start(program, "--resume")
    assert (begun.state, begun.mode.resumed) == (None, False)
    begun.lock.release()
    assert program.run("--resume") == 0
    assert program.run(output="other.h5") == 0
    assert contents(program / "run.h5") == contents(program / "other.h5")


def test_a_checkpoint_makes_the_other_ranks_take_up_theirs(program):
    assert program.run(stop_at=15) == 85
    begun = start(program, "--resume")
    assert begun.mode == (True, False)
    assert int(begun.state["run.epochs"]) >= 1
    begun.lock.release()


def test_a_replay_takes_learners_and_clock_from_the_record_on_any_number_of_ranks(program):
    assert program.run("--learners", "4", "--seed", "9") == 0
    begun = start_replay(program)
    config = begun.parts.config
    assert (config.learners, config.clock, config.seed, config.resume) == (4, "virtual", 9, False)
    assert (begun.lock, begun.writes, begun.mode) == (None, False, (False, True))


def test_a_replay_writes_only_where_it_is_told_to(program):
    assert program.run() == 0
    begun = start_replay(program, "--output", str(program / "again.h5"))
    assert begun.writes
    with pytest.raises(UserError, match="another run"):
        Lock(program / "again.h5")
    begun.lock.release()


@pytest.mark.parametrize("option", ["--replay", "--durations-from"])
def test_files_that_are_no_record_are_named_with_their_option(program, option):
    path = program / "foreign"
    for spoil in (lambda: path.write_text("no"), lambda: foreign_hdf5(path), lambda: old_schema(program, path)):
        spoil()
        argv = program.argv(option, str(path)) if option == "--durations-from" else [option, str(path)]
        with pytest.raises(UserError, match=option) as caught:
            begin(parse(argv, recorded_config), 1, argv)
        assert "\n" not in str(caught.value)


def foreign_hdf5(path):
    with h5py.File(path, "w") as file:
        file["x"] = 1


def old_schema(program, path):
    assert program.run(output="old.h5") == 0
    (program / "old.h5").replace(path)
    set_attribute(path, schema_version=1)


def test_durations_of_a_run_with_another_number_of_learners_are_refused(program):
    assert program.run(output="record.h5") == 0
    with pytest.raises(UserError, match="--learners must be that of the run in --durations-from, 3, not 4"):
        start(program, "--durations-from", str(program / "record.h5"), "--learners", "4")


def test_durations_of_a_learner_that_computed_nothing_are_refused(program):
    assert program.run("--method", "downpour", "--slow", "2:100000", stop_at=9, output="record.h5") == 85
    with pytest.raises(UserError, match="learner 2 has computed nothing; record a longer run"):
        start(program, "--durations-from", str(program / "record.h5"))


def test_under_the_durations_of_a_run_the_same_run_comes_out(program):
    argv = ("--method", "downpour", "--speeds", "spread:3")
    assert program.run(*argv, output="record.h5") == 0
    assert program.run("--method", "downpour", "--durations-from", str(program / "record.h5")) == 0
    one, other = contents(program / "record.h5"), contents(program / "run.h5")
    assert one["updates/learner"] == other["updates/learner"]
    assert one["updates/compute_s"] == other["updates/compute_s"]
    assert one["final/weights"] == other["final/weights"]


def test_a_mistake_in_the_number_of_ranks_is_found_before_anything_is_locked(program):
    with pytest.raises(UserError, match="--learners must be one less than the 3 ranks"):
        start(program, "--learners", "5", "--clock", "wall", ranks=3)
    assert list(program.folder.iterdir()) == []
