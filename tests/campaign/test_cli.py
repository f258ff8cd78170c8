"""The command line of campaigns: what it prints, its exit codes, and the bar on a terminal."""

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gsgm_mpi.campaign import cli
from gsgm_mpi.campaign.cli import main
from gsgm_mpi.program.output import Lock
from tests.campaign.pretended import GRID, NAMES, diverges, fails, folder_of, is_killed, pretend, undated, write

ROOT = Path(__file__).parents[2]
EXECVPE = os.execvpe
TUNE = {"factors": [0.5, 1.0, 2.0]}


@pytest.fixture
def folder(file):
    """The same campaign, in the folder it has where none is given."""
    return folder_of(Path("results/two"), GRID)


def tune(file):
    with Path(file).open("a") as stream:
        stream.write("[tune]\nfactors = [0.5, 1.0, 2.0]\n")
    return folder_of(Path("results/two"), GRID, tune=TUNE)


@pytest.fixture
def said(capsys):
    """The exit code, and the lines of both streams, of a command."""

    def run(*argv):
        code = main(list(argv))
        out, err = capsys.readouterr()
        return code, out.splitlines(), err.splitlines()

    return run


def test_the_list_has_index_name_hash_and_options(file, folder, said):
    code, out, err = said(file, "--list")
    assert (code, err) == (0, [])
    assert [line.split()[:3] for line in out] == [
        [str(i), job.name, folder.digest(job)] for i, job in enumerate(folder.jobs)
    ]
    assert out[1].endswith("--learners 3 --epochs 2 --method downpour --seed 1")
    assert not Path("results").exists()


def test_the_list_of_a_campaign_with_trials(file, said):
    folder = tune(file)
    code, out, _ = said(file, "--list")
    assert (code, len(out)) == (0, 10)
    assert out[0].endswith(" --validation 0.1 --seed 1000 --lr 0.001")
    assert out[6].split(maxsplit=3)[1:] == ["gsgm-seed1", "------------", "waits for trials"]
    for job in folder.jobs[:3]:
        pretend(folder, job.name)
    assert said(file, "--list")[1][6].endswith("--method gsgm --seed 1 --lr 0.001")


def test_only_and_overrides(file, said):
    code, out, _ = said(file, "--list", "--only", "method=gsgm", "--only", "seed=2", "--", "--epochs", "9")
    assert (code, len(out)) == (0, 1)
    assert out[0].split()[:2] == ["0", "gsgm-seed2"]
    assert out[0].endswith("--method gsgm --seed 2 --epochs 9")


def test_where_each_run_stands(file, folder, said):
    pretend(folder, NAMES[0])
    pretend(folder, NAMES[1], diverges)
    pretend(folder, NAMES[2], fails)
    lock = Lock(folder.output(folder.jobs[3]))
    code, out, err = said(file, "--status")
    lock.release()
    assert (code, err) == (0, [])
    assert [re.split(r"\s\s+", line.strip()) for line in out] == [
        ["0", NAMES[0], "finished with accuracy 0.5000"],
        ["1", NAMES[1], "diverged with accuracy 0.1000"],
        ["2", NAMES[2], "failed", "epoch 1/2", "RuntimeError: boom"],
        ["3", NAMES[3], "running"],
        ["1 running, 1 failed, 1 finished, 1 diverged"],
    ]


def test_status_of_what_is_cut_and_what_is_another_s(file, folder, said):
    pretend(folder, NAMES[0], is_killed)
    pretend(folder_of(folder.path, GRID, "--epochs", "7"), NAMES[1])
    code, out, _ = said(file, "--status")
    assert code == 0
    assert re.fullmatch(r" +0 +gsgm-seed1 +cut, can be resumed +epoch 1/2", out[0])
    assert "another run's file" in out[1]
    assert "epochs is 7 there and 2 here" in out[1]
    assert out[-1] == "2 not begun, 1 cut, can be resumed, 1 another run's file"


def test_status_says_the_rates_and_where_one_is_at_an_end(file, said):
    folder = tune(file)
    for job in folder.jobs[:6]:
        best = job.name in ("tune/gsgm-x1", "tune/downpour-x2")
        pretend(folder, job.name, lambda config, best=best: write(config, accuracies=[0.9 if best else 0.1]))
    code, out, _ = said(file, "--status")
    assert code == 0
    assert out[-3:] == [
        "rate of gsgm: 0.002",
        "rate of downpour: 0.04, the first or last that was tried: widen [tune] factors",
        "4 not begun, 6 finished",
    ]


def test_all(file, crew, said):
    code, out, err = said(file, "--all", "--jobs", "2")
    assert (code, err) == (0, [])
    assert (crew.started, crew.size) == (NAMES, 2)
    assert undated(out) == [
        *(f"[{i}/4] {name} finished with accuracy 0.5000, 1 s" for i, name in enumerate(NAMES, 1)),
        "4 of 4 runs have ended",
    ]
    assert sorted(path.name for path in Path("results/two").glob("*.h5")) == sorted(f"{name}.h5" for name in NAMES)
    code, out, _ = said(file, "--all")
    assert (code, undated(out), len(crew.started)) == (0, ["4 of 4 runs have ended"], 4)


def test_as_many_at_once_as_cores_allow(file, crew, said, monkeypatch):
    monkeypatch.setattr(cli, "cores", lambda: 7)
    for argv, size in (((), 7), (("--ranks", "3"), 2), (("--ranks", "9"), 1), (("--jobs", "5", "--ranks", "9"), 5)):
        assert said(file, "--all", *argv)[0] == 0
        assert crew.size == size


def test_all_with_one_that_fails(file, crew, said):
    crew.runs[NAMES[2]] = fails
    code, out, err = said(file, "--all", "--jobs", "1", "--folder", "elsewhere")
    assert (code, err) == (1, [])
    assert undated(out)[2:] == [
        f"[3/4] {NAMES[2]} failed: ended with exit code 1 (RuntimeError: boom); see elsewhere/{NAMES[2]}.log",
        f"[4/4] {NAMES[3]} finished with accuracy 0.5000, 1 s",
        "3 of 4 runs have ended, 1 failed",
    ]
    crew.runs.clear()
    code, out, _ = said(file, "--all", "--folder", "elsewhere")
    assert code == 0
    assert undated(out) == [
        f"{NAMES[2]} goes on after 1 epochs or fewer",
        f"[4/4] {NAMES[2]} finished with accuracy 0.5000, 1 s",
        "4 of 4 runs have ended",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_stops_all(file, crew, said, number):
    def is_interrupted(config):
        os.kill(os.getpid(), number)
        return write(config, "stopped") or 85

    crew.runs[NAMES[1]] = is_interrupted
    code, out, err = said(file, "--all", "--jobs", "1")
    assert (code, err) == (85, [])
    assert crew.started == NAMES[:2]
    assert crew.stopped
    assert undated(out)[-1] == "1 of 4 runs have ended, 3 left: the same command goes on"
    crew.runs.clear()
    assert said(file, "--all")[0] == 0
    assert crew.started == [*NAMES[:2], *NAMES[1:]]


class BecameError(Exception):
    """What never returns must not return here."""


@pytest.fixture(autouse=True)
def becomes_nothing(monkeypatch):
    def exec_(program, command, environment):
        assert program == command[0]
        assert not any(name.startswith("PMI_") for name in environment)
        raise BecameError(command)

    monkeypatch.setattr(os, "execvpe", exec_)
    monkeypatch.setenv("PMI_RANK", "0")


@pytest.fixture
def became():
    """The command that the process would have become."""

    def run(*argv):
        with pytest.raises(BecameError) as caught:
            main(list(argv))
        return caught.value.args[0]

    return run


def test_index_becomes_the_run(file, folder, became):
    every_five = [*folder.command(folder.jobs[1])[:-1], "5"]
    assert became(file, "--index", "1") == every_five
    assert Path("results/two").is_dir()
    assert became(file, "--index", "0", "--only", "method=downpour") == every_five
    command = became(file, "--index", "1", "--ranks", "3", "--launcher", "srun -n {ranks}", "--checkpoint-every", "7")
    assert command == ["srun", "-n", "3", *every_five[:-1], "7"]


def test_path_names_the_file_of_a_run_and_starts_nothing(file, folder, said):
    pretend(folder, NAMES[0])
    for index in (0, 1):
        code, out, err = said(file, "--index", str(index), "--path")
        assert (code, out, err) == (0, [f"results/two/{NAMES[index]}.h5"], [])
    assert said(file, "--index", "9", "--path")[0] == 2


@pytest.mark.parametrize("run", [is_killed, fails])
def test_index_goes_on_with_what_is_cut_and_tries_again_what_failed(file, folder, became, run):
    pretend(folder, NAMES[2], run)
    assert "--resume" in became(file, "--index", "2")


def test_index_of_a_trial_and_of_a_run_that_waits(file, became, said):
    folder = tune(file)
    assert became(file, "--index", "3")[-7:-5] == ["--lr", "0.01"]
    assert Path("results/two/tune").is_dir()
    code, out, err = said(file, "--index", "7")
    assert (code, out) == (1, [])
    assert err == ["gsgm_mpi: run downpour-seed1: its rate is chosen by runs 3, 4, 5; do these first"]
    for job in folder.jobs[3:6]:
        pretend(folder, job.name)
    command = became(file, "--index", "7")
    assert command[command.index("--lr") + 1] == "0.01"


@pytest.mark.parametrize(("run", "word"), [(write, "finished"), (diverges, "diverged")])
def test_index_of_a_run_that_has_ended(file, folder, said, run, word):
    pretend(folder, NAMES[0], run)
    code, out, _ = said(file, "--index", "0")
    assert code == 0
    assert len(out) == 1
    assert f"gsgm-seed1 has {word} with accuracy" in out[0]


def test_index_never_touches_another_run_s_file(file, folder, said):
    path = pretend(folder_of(folder.path, GRID, "--epochs", "7"), NAMES[0])
    before = path.read_bytes()
    code, out, err = said(file, "--index", "0")
    assert (code, out, len(err)) == (2, [], 1)
    assert "run gsgm-seed1: " in err[0]
    assert "epochs is 7 there and 2 here; move it, or take another --folder" in err[0]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (("none.toml", "--list"), ["FILE must be a campaign that can be read, not none.toml", "No such file"]),
        ((".", "--list"), ["FILE must be a campaign that can be read, not .", "Is a directory"]),
        (("bad.toml", "--list"), ["FILE must be a TOML file, not bad.toml; Invalid value"]),
        (("binary.toml", "--list"), ["FILE must be a TOML file, not binary.toml"]),
        (("empty.toml", "--all"), ["empty.toml: [grid] must be a table with at least one axis"]),
        (("two.toml", "--all", "--jobs", "0"), ["--jobs must be a whole number >= 1, not 0"]),
        (("two.toml", "--all", "--ranks", "0"), ["--ranks must be a whole number >= 1, not 0"]),
        (("two.toml", "--all", "--checkpoint-every", "-1"), ["--checkpoint-every must be a whole number >= 0, not -1"]),
        (("two.toml", "--index", "-1"), ["--index must be a whole number >= 0, not -1"]),
        (("two.toml", "--index", "4"), ["--index must be a whole number in [0, 3], not 4; see --list"]),
        (("two.toml", "--list", "--only", "method=x"), ["--only method= must be one of downpour, gsgm, not 'x'"]),
        (("two.toml", "--list", "--", "--epoch", "3"), ["run gsgm-seed1: ", "--epoch", "did you mean --epochs?"]),
        (("two.toml", "--status", "--", "--lr", "0"), ["run gsgm-seed1: --lr must be a number > 0, not 0"]),
        (("two.toml", "--all", "--folder", "two.toml"), ["--folder must be a folder that can be made, not two.toml"]),
        (("two.toml", "--index", "0", "--folder", "two.toml/x"), ["--folder must be", "two.toml/x; Not a directory"]),
        (("two.toml", "--list", "--ranks", "2", "--launcher", "x {n}"), ["--launcher must be", "not x {n}; e.g. mpi"]),
    ],
)
def test_a_mistake_is_named_in_one_line_and_the_exit_code_is_2(file, said, argv, parts):
    Path("bad.toml").write_text("grid = [")
    Path("binary.toml").write_bytes(b"\xff\xfe")
    Path("empty.toml").write_text("")
    code, out, err = said(*argv)
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith("gsgm_mpi: ")
    assert all(part in err[0] for part in parts), err


@pytest.mark.parametrize("argv", [(), ("--list", "--all"), ("--index", "x"), ("--lis",), ("--al",)])
def test_what_is_to_be_done_is_one_thing(file, argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main([file, *argv])
    assert caught.value.code == 2
    assert "usage: python -m gsgm_mpi.campaign" in capsys.readouterr().err


def test_index_with_a_launcher_that_is_not_there(file, said, monkeypatch):
    monkeypatch.setattr(os, "execvpe", EXECVPE)
    code, out, err = said(file, "--index", "0", "--ranks", "2", "--launcher", "./none")
    assert (code, out) == (2, [])
    assert err == ["gsgm_mpi: run gsgm-seed1 cannot be started: ./none: No such file or directory"]


def test_help_tells_exit_codes(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "85 stopped" in out
    assert "%(default)s" not in out


def test_ctrl_c_before_any_run(file, said, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "expand", interrupted)
    assert said(file, "--all") == (85, [], ["gsgm_mpi: stopped before any run began"])


def test_whoever_reads_the_list_may_have_seen_enough(file):
    read, write_ = os.pipe()
    os.close(read)
    # Held back until the very end, where a failure is one more message.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "-m", "gsgm_mpi.campaign", file, "--list"]
    done = subprocess.run(
        command, stdout=write_, stderr=subprocess.PIPE, env=environment, text=True, timeout=60, check=False
    )
    os.close(write_)
    assert (done.returncode, done.stderr) == (0, "")


def test_whoever_reads_the_lines_of_all_goes_away(file, crew, monkeypatch):
    class Closed(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

        def fileno(self):
            return spare

    spare = os.open(os.devnull, os.O_WRONLY)
    monkeypatch.setattr(sys, "stdout", Closed())
    code = main([file, "--all", "--jobs", "1"])
    monkeypatch.undo()
    os.close(spare)
    assert code == 85
    assert crew.stopped
