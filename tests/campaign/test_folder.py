"""A campaign on disk: which command a run has, which file is its own, where it stands, and which rate was chosen."""

import sys
from pathlib import Path

import h5py
import pytest

from gsgm_mpi.campaign.folder import State
from gsgm_mpi.errors import UserError
from gsgm_mpi.program.identity import digest
from gsgm_mpi.program.output import Lock
from tests.campaign.pretended import (
    SMALL,
    TUNE,
    config_of,
    diverges,
    fails,
    folder_of,
    is_killed,
    job_of,
    pretend,
    standing,
    write,
)
from tests.program.in_process import set_attribute

GRID = {"method": ["gsgm", "downpour"]}
OWN = """
from gsgm_mpi.methods import METHODS


class Own(METHODS["downpour"]):
    name = "own"
"""


@pytest.fixture
def folder(tmp_path):
    return folder_of(tmp_path, GRID)


def refusal(*args, **kwargs):
    with pytest.raises(UserError) as caught:
        folder_of(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_command_of_a_run(folder, tmp_path):
    job = job_of(folder, "gsgm")
    options = ["--clock", "virtual", "--dataset", "synthetic:1x4x4:3:96", "--batch-size", "8", "--learners", "3"]
    options += ["--epochs", "2", "--method", "gsgm"]
    assert folder.arguments(job) == options
    keep = ["--output", str(tmp_path / "gsgm.h5"), "--resume", "--checkpoint-every", "1"]
    assert folder.command(job) == [sys.executable, "-m", "gsgm_mpi", *options, *keep]
    assert folder.log(job) == tmp_path / "gsgm.log"


def test_switches_numbers_and_texts_are_flags(tmp_path):
    options = SMALL | {"augment": False, "local_momentum": True, "lr": 1e-05, "lr_decay": "", "weight-decay": 0}
    folder = folder_of(tmp_path, {"method": ["downpour"]}, options=options)
    words = ["--no-augment", "--local-momentum", "--lr", "1e-05", "--lr-decay", "", "--weight-decay", "0"]
    assert folder.arguments(folder.jobs[0])[-10:] == [*words, "--method", "downpour"]
    config = folder.config(folder.jobs[0])
    assert (config.augment, config.local_momentum, config.lr, config.lr_decay) == (False, True, 1e-05, "")


def test_overrides_win_over_the_file(tmp_path):
    folder = folder_of(tmp_path, GRID, "--epochs", "7", "--no-augment", options=SMALL | {"augment": True})
    config = config_of(folder.command(folder.jobs[0]))
    assert (config.epochs, config.augment, config.batch_size) == (7, False, 8)
    assert folder.epochs(folder.jobs[0]) == 7


def test_options_of_trials_their_seed_and_validation_win_over_overrides(tmp_path):
    overrides = ("--epochs", "7", "--seed", "5", "--validation", "0.5", "--partition", "iid")
    folder = folder_of(tmp_path, GRID | {"seed": [1]}, *overrides, tune=TUNE)
    trial = config_of(folder.command(folder.jobs[0]))
    assert (trial.epochs, trial.batch_size, trial.seed, trial.validation) == (1, 4, 1000, 0.1)
    assert trial.partition == "iid"
    assert folder.epochs(folder.jobs[0]) == 1
    assert folder.epochs(folder.jobs[-1]) == 7


@pytest.mark.parametrize(
    ("clock", "ranks", "launcher", "before", "most"),
    [
        ("virtual", 1, "not {looked} at", [], 1),
        ("virtual", 3, "mpiexec -n {ranks}", ["mpiexec", "-n", "3"], 3),
        ("wall", 1, "srun --label -n{ranks} 'a b'", ["srun", "--label", "-n4", "a b"], 4),
        ("wall", 9, "mpiexec -n {ranks}", ["mpiexec", "-n", "4"], 4),
    ],
)
def test_what_comes_before_the_program(tmp_path, clock, ranks, launcher, before, most):
    folder = folder_of(tmp_path, GRID, options=SMALL | {"clock": clock}, ranks=ranks, launcher=launcher)
    command = folder.command(folder.jobs[0])
    assert command[: command.index(sys.executable)] == before
    assert folder.most_ranks() == most


@pytest.mark.parametrize("launcher", ["mpiexec -n {n}", "mpiexec -n {}", "a 'b", "{ranks", "{ranks.no}", "{ranks:!}"])
def test_a_launcher_without_a_meaning_is_refused_at_once(tmp_path, launcher):
    message = refusal(tmp_path, GRID, ranks=2, launcher=launcher)
    assert message.startswith("--launcher must be a command in which {ranks} stands for their number, not ")
    assert "e.g. mpiexec -n {ranks}" in message


@pytest.mark.parametrize(
    ("options", "overrides", "parts"),
    [
        ({"lr": 0}, (), ["run gsgm: --lr must be a number > 0, not 0"]),
        ({"lr": -1e-4}, (), ["run gsgm: ", "--lr"]),
        ({"epochs": True}, (), ["run gsgm: ", "--epochs", "expected one argument"]),
        ({"epochs": 1.5}, (), ["run gsgm: --epochs must be", "1.5"]),
        ({"leaners": 3}, (), ["run gsgm: ", "--leaners", "did you mean --learners?"]),
        ({"staleness": 3}, (), ["run gsgm: --staleness is an option of "]),
        ({"clock": "wall", "learners": None}, (), ["run gsgm: --learners must be given where --clock is wall"]),
        ({"learners": None}, (), ["run gsgm: --learners must be given", "e.g. --learners 4"]),
        ({"clock": "wall", "latency": 0.1}, (), ["run gsgm: --latency is an option of --clock virtual"]),
        ({"durations_from": "none.h5"}, (), ["run gsgm: --durations-from", "there is no file none.h5"]),
        ({"method": "none.py:Own"}, (), ["run run: --method", "none.py"]),
        ({"preset": "paper-x"}, (), ["run gsgm: --preset must be one of", "'paper-x'"]),
        ({}, ("--epoch", "3"), ["run gsgm: ", "--epoch", "did you mean --epochs?"]),
        ({}, ("--output", "x.h5"), ["run gsgm: ", "--output have no meaning in a campaign; leave them out"]),
        ({}, ("--show-config",), ["run gsgm: --show-config", "leave them out"]),
        ({}, ("--replay", "x.h5"), ["run gsgm: --replay", "there is no file x.h5"]),
    ],
)
def test_an_option_that_the_program_would_refuse_is_refused_at_once_with_the_run_s_name(
    tmp_path, options, overrides, parts
):
    given = {name: value for name, value in (SMALL | options).items() if value is not None}
    grid = {"x": {"run": {}}} if "method" in options else GRID
    message = refusal(tmp_path, grid, *overrides, options=given)
    assert all(part in message for part in parts), message


def test_a_trial_whose_rate_is_no_number_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match=r"run tune/gsgm-xinf: --lr must be a number > 0, not inf"):
        standing(folder_of(tmp_path, GRID, tune={"factors": [float("inf")]}), "tune/gsgm-xinf")


def test_a_run_that_has_not_begun(folder):
    assert standing(folder) == (State.MISSING, "", 0, ())
    assert not standing(folder).state.ended


@pytest.mark.parametrize(
    ("run", "state", "text", "ended"),
    [
        (write, State.FINISHED, "", True),
        (diverges, State.DIVERGED, "", True),
        (fails, State.FAILED, "RuntimeError: boom", False),
        (is_killed, State.CUT, "", False),
        (lambda config: write(config, "stopped"), State.CUT, "", False),
    ],
)
def test_where_a_run_stands(folder, run, state, text, ended):
    pretend(folder, "gsgm", run)
    there = standing(folder)
    assert (there.state, there.text, there.state.ended) == (state, text, ended)
    assert there.epochs == len(there.accuracies) > 0
    assert standing(folder, "downpour").state == State.MISSING


def test_a_failed_run_without_a_word(folder):
    pretend(folder, "gsgm", lambda config: write(config, "failed"))
    assert standing(folder)[:2] == (State.FAILED, "")


@pytest.mark.parametrize("run", [None, is_killed, fails])
def test_a_run_whose_file_another_process_is_writing(folder, run):
    path = folder.output(folder.jobs[0]) if run is None else pretend(folder, "gsgm", run)
    lock = Lock(path)
    assert standing(folder).state == State.RUNNING
    assert standing(folder, "downpour").state == State.MISSING
    lock.release()
    assert standing(folder).state != State.RUNNING


def test_a_run_that_has_ended_but_not_yet_released_its_file_has_ended(folder):
    lock = Lock(pretend(folder, "gsgm"))
    assert standing(folder).state == State.FINISHED
    lock.release()


def test_what_has_ended_is_not_read_again(folder):
    path = pretend(folder, "gsgm")
    assert standing(folder).state == State.FINISHED
    path.unlink()
    assert standing(folder).state == State.FINISHED


@pytest.mark.parametrize("of", ["file", "folder"])
def test_links_are_followed(tmp_path, of):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if of == "folder":
        (tmp_path / "results").symlink_to(elsewhere)
    folder = folder_of(tmp_path / "results", GRID)
    if of == "file":
        folder.path.mkdir()
        folder.output(folder.jobs[0]).symlink_to(elsewhere / "gsgm.h5")
    assert standing(folder).state == State.MISSING
    lock = Lock((elsewhere / "gsgm.h5").resolve())  # as a run does
    assert standing(folder).state == State.RUNNING
    pretend(folder, "gsgm", is_killed)
    lock.release()
    assert (elsewhere / "gsgm.h5").is_file()
    assert standing(folder).state == State.CUT


@pytest.mark.parametrize(
    ("overrides", "key", "there", "here"),
    [
        (("--epochs", "3"), "epochs", "2", "3"),
        (("--momentum", "0.5"), "momentum", "0.9", "0.5"),
        (("--lr", "0.5"), "lr", "0.002", "0.5"),
        (("--speeds", "spread:5"), "speeds", "", "spread:5"),
    ],
)
def test_a_file_of_another_configuration_is_another_run_s(tmp_path, overrides, key, there, here):
    path = pretend(folder_of(tmp_path, GRID), "gsgm")
    found = standing(folder_of(tmp_path, {"method": ["gsgm"]}, *overrides))
    assert found.state == State.FOREIGN
    assert found.text == f"{path}: {key} is {there} there and {here} here; move it, or take another --folder"


def test_where_data_and_results_lie_is_no_part_of_a_run(tmp_path):
    path = pretend(folder_of(tmp_path / "a", GRID, "--cache-dir", "here"), "gsgm")
    (tmp_path / "b").mkdir()
    path.rename(tmp_path / "b" / path.name)
    overrides = ("--cache-dir", "there", "--data-dir", "there", "--report-every", "9")
    assert standing(folder_of(tmp_path / "b", GRID, *overrides)).state == State.FINISHED


def damaged(path, what):
    if what == "folder":
        path.unlink()
        path.mkdir()
    elif what == "text":
        path.write_text("no results file")
    elif what == "empty":
        path.write_bytes(b"")
    elif what == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif what == "other HDF5":
        with h5py.File(path, "w") as file:
            file["x"] = 1
    elif what == "schema":
        set_attribute(path, schema_version=1000)
    elif what == "config":
        set_attribute(path, config="{")
    else:
        with h5py.File(path, "r+") as file:
            del file["epochs"]


@pytest.mark.parametrize(
    "what", ["folder", "text", "empty", "cut", "other HDF5", "schema", "config", "a table is missing"]
)
def test_what_is_no_results_file_is_another_s_too(folder, what):
    path = pretend(folder, "gsgm")
    damaged(path, what)
    there = standing(folder)
    assert there.state == State.FOREIGN
    assert there.text.endswith("; move it, or take another --folder")
    assert "\n" not in there.text


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    assert standing(folder_of(tmp_path / "file", GRID)).state == State.MISSING


def test_the_hash_is_that_of_what_the_program_makes_of_the_command(folder):
    hashes = {folder.digest(job) for job in folder.jobs}
    assert hashes == {digest(config_of(folder.command(job))) for job in folder.jobs}
    assert len(hashes) == 2


def test_the_hash_is_of_what_is_computed(tmp_path):
    def of(*overrides, **kwargs):
        folder = folder_of(tmp_path, {"method": ["gsgm"]}, *overrides, **kwargs)
        return folder.digest(folder.jobs[0])

    same = [of(), of("--epochs", "2"), of("--cache-dir", "x", "--report-every", "3"), of(ranks=4)]
    assert len(set(same)) == 1
    others = [of("--epochs", "3"), of("--seed", "2"), of("--no-literal"), of("--literal"), of("--clock", "wall")]
    assert len({same[0], *others}) == 5
    assert others[2] == same[0]  # the default


def test_a_method_of_one_s_own_is_part_of_the_hash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grid = {"method": ["own methods/own.py:Own"]}
    own = Path("own methods") / "own.py"
    own.parent.mkdir()
    own.write_text(OWN)
    folder = folder_of(Path("results"), grid)
    assert folder.jobs[0].name == "own-methods-own.py-Own"
    pretend(folder, folder.jobs[0].name)
    before = folder.digest(folder.jobs[0])
    assert standing(folder, folder.jobs[0].name).state == State.FINISHED
    own.write_text(OWN + "\n# changed\n")
    folder = folder_of(Path("results"), grid)
    assert folder.digest(folder.jobs[0]) != before
    there = standing(folder, folder.jobs[0].name)
    assert there.state == State.FOREIGN
    assert "method_source is" in there.text


def test_durations_of_a_recorded_run(tmp_path):
    recorded = str(pretend(folder_of(tmp_path, GRID), "gsgm"))
    folder = folder_of(tmp_path / "b", GRID, options={"durations_from": recorded, "epochs": 1})
    config = folder.config(folder.jobs[1])
    # What the run does not say is the recorded one's.
    assert (config.learners, config.batch_size, config.epochs, config.dataset) == (3, 8, 1, SMALL["dataset"])
    pretend(folder, "downpour")
    assert standing(folder, "downpour").state == State.FINISHED


def test_the_last_line_that_a_run_printed(folder):
    log = folder.log(folder.jobs[0])
    for content, line in ((b"", ""), (b"$ command\nfirst\nlast\n", "last"), (b"\xff\xfe last", "�� last")):
        log.write_bytes(content)
        assert folder.last_line(folder.jobs[0]) == line
