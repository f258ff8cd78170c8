"""Does what is left to do of a campaign: what is skipped, tried again, waited for, and what is never touched."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from gsgm_mpi.campaign.conduct import Conductor
from gsgm_mpi.campaign.crew import Crew
from gsgm_mpi.campaign.folder import State
from gsgm_mpi.campaign.grid import Job
from gsgm_mpi.program.output import Lock
from tests.campaign.pretended import Shown, diverges, fails, folder_of, is_killed, pretend, write
from tests.program.in_process import Program, contents

GRID = {"method": ["gsgm", "downpour", "ssgd"], "seed": [1, 2]}
NAMES = [f"{method}-seed{seed}" for seed in (1, 2) for method in GRID["method"]]


@pytest.fixture
def folder(tmp_path):
    return folder_of(tmp_path, GRID)


class Looks:
    """In the place of the request to stop, which is looked for in each round: does something in some of them."""

    def __init__(self, **rounds):
        self._rounds = {int(name.removeprefix("in_")): do for name, do in rounds.items()}
        self.count = 0

    def __call__(self):
        self.count += 1
        assert self.count < 200, "it waits for ever"
        return bool(self._rounds.get(self.count, lambda: False)())


def conduct(folder, at_once=1, stop_requested=None):
    """The exit code, and what was told."""
    shown = Shown()
    return Conductor(folder, at_once, shown, stop_requested or Looks()).run(), shown


def states(folder):
    return {job.name: folder.standing(job).state.name for job in folder.jobs}


def files(path):
    return {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in path.rglob("*.h5")}


def test_all_runs_are_done_in_order(folder, crew):
    code, shown = conduct(folder)
    assert code == 0
    assert crew.started == NAMES == shown.of("begins") == shown.of("ended")
    assert (crew.size, crew.most_at_once) == (1, 1)
    assert set(states(folder).values()) == {"FINISHED"}
    assert shown.epochs[-1] == 6 * 2
    assert shown.epochs == sorted(shown.epochs)


def test_so_many_at_once_and_no_more(folder, crew):
    assert conduct(folder, at_once=4)[0] == 0
    assert crew.most_at_once == 4
    assert crew.started == NAMES


def test_what_has_ended_is_skipped(tmp_path, crew):
    folder = folder_of(tmp_path, GRID)
    pretend(folder, NAMES[1])
    pretend(folder, NAMES[4], diverges)
    before = files(tmp_path)
    code, shown = conduct(folder_of(tmp_path, GRID))
    assert code == 0
    assert crew.started == [NAMES[0], NAMES[2], NAMES[3], NAMES[5]]
    assert shown.told[:2] == [("had ended",)] * 2
    assert before.items() <= files(tmp_path).items()
    assert shown.epochs[-1] == 6 * 2
    # Now nothing is left.
    whole = files(tmp_path)
    code, shown = conduct(folder_of(tmp_path, GRID))
    assert (code, shown.told, len(crew.started)) == (0, [("had ended",)] * 6, 4)
    assert files(tmp_path) == whole


def test_a_file_of_another_configuration_is_never_touched(tmp_path, crew):
    folder = folder_of(tmp_path, GRID)
    pretend(folder_of(tmp_path, GRID, "--epochs", "9"), NAMES[1])
    (tmp_path / f"{NAMES[2]}.h5").write_text("my notes")
    before = files(tmp_path)
    code, shown = conduct(folder)
    assert code == 1
    assert crew.started == [NAMES[0], *NAMES[3:]]
    assert before.items() <= files(tmp_path).items()
    (_, one, why), (_, other, why_not) = [told for told in shown.told if told[0] == "failed"]
    assert [one, other] == NAMES[1:3]
    assert "epochs is 9 there and 2 here; move it, or take another --folder" in why
    assert "must be a results file" in why_not


@pytest.mark.parametrize(("run", "code", "how"), [(fails, 1, "exit code 1 (RuntimeError: boom)"), (None, 2, "")])
def test_a_run_that_fails_stops_no_other_and_is_tried_again(tmp_path, crew, run, code, how):
    crew.runs[NAMES[1]] = run or (lambda config: 2)
    given, shown = conduct(folder_of(tmp_path, GRID), at_once=2)
    assert given == 1
    assert crew.started == NAMES
    ((_, name, why),) = [told for told in shown.told if told[0] == "failed"]
    how = how or f"exit code 2 (gsgm_mpi: the last line of {name})"
    assert (name, why) == (NAMES[1], f"ended with {how}; see {tmp_path / name}.log")
    assert shown.of("ended") == [other for other in NAMES if other != name]
    crew.runs.clear()
    assert conduct(folder_of(tmp_path, GRID))[0] == 0
    assert crew.started[6:] == [NAMES[1]]


def test_a_run_that_was_killed_goes_on_next_time(tmp_path, crew):
    crew.runs[NAMES[0]] = is_killed
    code, shown = conduct(folder_of(tmp_path, GRID))
    assert code == 1
    assert ("failed", NAMES[0], f"ended by signal 9; see {tmp_path / NAMES[0]}.log") in shown.told
    crew.runs.clear()
    code, shown = conduct(folder_of(tmp_path, GRID))
    assert (code, crew.started[6:]) == (0, NAMES[:1])
    assert ("begins", NAMES[0], 1) in shown.told
    assert "--resume" in crew.commands[-1]


def test_a_run_that_says_it_went_well_but_left_nothing_has_failed(folder, crew):
    crew.runs[NAMES[0]] = lambda config: 0
    code, shown = conduct(folder)
    assert (code, shown.of("failed")) == (1, NAMES[:1])


def test_a_run_that_cannot_be_started_stops_no_other(folder, crew, monkeypatch):
    def start(job, *rest, really=crew.start):
        if job.name == NAMES[0]:
            raise FileNotFoundError(2, "No such file or directory", "mpiexec")
        really(job, *rest)

    monkeypatch.setattr(crew, "start", start)
    code, shown = conduct(folder)
    assert (code, crew.started) == (1, NAMES[1:])
    ((_, name, why),) = [told for told in shown.told if told[0] == "failed"]
    assert name == NAMES[0]
    assert "cannot be started" in why
    assert "'mpiexec'" in why


def test_a_run_at_work_elsewhere_is_waited_for(folder, crew):
    lock = Lock(pretend(folder, NAMES[1], is_killed))

    def ends_elsewhere():
        assert crew.started == [NAMES[0], *NAMES[2:]]
        pretend(folder, NAMES[1])
        lock.release()

    looks = Looks(in_30=ends_elsewhere)
    code, shown = conduct(folder, stop_requested=looks)
    assert code == 0
    assert NAMES[1] not in crew.started
    assert shown.of("elsewhere") == [NAMES[1]]
    assert shown.epochs[-1] == 6 * 2


def test_a_run_that_was_killed_elsewhere_is_taken_up(folder, crew):
    lock = Lock(pretend(folder, NAMES[1], is_killed))
    code, _ = conduct(folder, stop_requested=Looks(in_30=lock.release))
    assert (code, crew.started[-1]) == (0, NAMES[1])


def test_a_run_that_another_process_took_at_the_same_moment_is_waited_for(folder, crew):
    locks = []

    def refused(config):
        locks.append(Lock(Path(config.output)))
        return 2

    def ends_elsewhere():
        pretend(folder, NAMES[0])
        locks.pop().release()

    crew.runs[NAMES[0]] = refused
    code, shown = conduct(folder, stop_requested=Looks(in_30=ends_elsewhere))
    assert (code, shown.of("failed"), locks) == (0, [], [])
    assert crew.started == NAMES


def test_a_request_to_stop_ends_it_and_the_same_goes_on(tmp_path, crew):
    folder = folder_of(tmp_path, GRID)
    code, shown = conduct(folder, stop_requested=Looks(in_4=lambda: True))
    assert code == 85
    assert crew.stopped >= 1
    begun = list(crew.started)
    assert begun == NAMES[: len(begun)]
    assert 0 < len(begun) < 6
    # What had ended by then is told.
    assert shown.of("ended") == begun
    assert conduct(folder_of(tmp_path, GRID))[0] == 0
    assert crew.started == NAMES


def test_a_request_that_came_before_it_began(folder, crew):
    assert conduct(folder, stop_requested=lambda: True)[0] == 85
    assert crew.started == []


def test_what_was_stopped_has_not_failed(folder, crew):
    crew.runs[NAMES[0]] = lambda config: (write(config, "stopped"), 85)[1]
    code, shown = conduct(folder, stop_requested=Looks(in_2=lambda: True))
    assert (code, shown.of("failed"), shown.of("ended")) == (85, [], [])
    assert states(folder)[NAMES[0]] == "CUT"


def test_whatever_goes_wrong_no_process_is_left_behind(folder, crew, monkeypatch):
    monkeypatch.setattr(Shown, "begins", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        conduct(folder)
    assert crew.stopped == 1


TUNE = {"factors": [0.5, 1.0, 2.0], "options": {"epochs": 1}}
TUNED = {"method": ["gsgm", "downpour"], "seed": [1, 2]}


def accuracy(value):
    return lambda config: write(config, accuracies=[value]) or 0


def test_trials_come_first_and_runs_take_the_best_rate(tmp_path, crew):
    folder = folder_of(tmp_path, TUNED, tune=TUNE)
    crew.runs |= {"tune/gsgm-x2": accuracy(0.7), "tune/downpour-x1": diverges, "tune/downpour-x2": diverges}
    code, shown = conduct(folder, at_once=4)
    assert code == 0
    assert crew.started == [job.name for job in folder.jobs]
    rates = {
        name: command[command.index("--lr") + 1] for name, command in zip(crew.started, crew.commands, strict=True)
    }
    assert [rates[f"gsgm-seed{seed}"] for seed in (1, 2)] == ["0.004"] * 2
    assert [rates[f"downpour-seed{seed}"] for seed in (1, 2)] == ["0.01"] * 2
    assert shown.epochs[-1] == 6 * 1 + 4 * 2
    assert sorted(path.name for path in (tmp_path / "tune").glob("*.h5")) == sorted(
        f"{method}-x{factor}.h5" for method in TUNED["method"] for factor in ("0.5", "1", "2")
    )


def test_a_run_whose_trial_failed_is_not_done_until_it_has_been_tried_again(tmp_path, crew):
    crew.runs["tune/gsgm-x1"] = fails
    folder = folder_of(tmp_path, TUNED, tune=TUNE)
    code, shown = conduct(folder)
    assert code == 1
    assert [name for name in crew.started if "/" not in name] == ["downpour-seed1", "downpour-seed2"]
    told = {told[1]: told[2] for told in shown.told if told[0] == "failed"}
    assert set(told) == {"tune/gsgm-x1", "gsgm-seed1", "gsgm-seed2"}
    assert told["gsgm-seed1"] == told["gsgm-seed2"] == "needs tune/gsgm-x1"
    crew.runs.clear()
    before = len(crew.started)
    assert conduct(folder_of(tmp_path, TUNED, tune=TUNE))[0] == 0
    assert crew.started[before:] == ["tune/gsgm-x1", "gsgm-seed1", "gsgm-seed2"]


def test_trials_at_work_elsewhere_are_waited_for(tmp_path, crew):
    folder = folder_of(tmp_path, {"method": ["gsgm"], "seed": [1]}, tune={"factors": [1.0, 2.0]})
    lock = Lock(pretend(folder, "tune/gsgm-x1", is_killed))

    def ends_elsewhere():
        assert crew.started == ["tune/gsgm-x2"]
        pretend(folder, "tune/gsgm-x1", accuracy(0.9))
        lock.release()

    assert conduct(folder, stop_requested=Looks(in_30=ends_elsewhere))[0] == 0
    assert crew.started == ["tune/gsgm-x2", "gsgm-seed1"]
    assert folder.tuned_rates() == {"gsgm": (0.002, True)}


def test_real_runs_cut_and_not_come_to_the_same_bits(tmp_path, small_data, crew):
    """Everything but the processes: a cut run goes on from its checkpoint, a trial's accuracy gives the rate."""

    def path_of(name):
        options = {"dataset": "synthetic:1x4x4:3:96", "batch_size": 8, "learners": 3, "epochs": 3}
        tune = {"factors": [1.0, 10.0], "options": {"epochs": 1}}
        overrides = ("--cache-dir", str(small_data))
        return folder_of(tmp_path / name, {"method": ["gsgm"], "seed": [1]}, *overrides, options=options, tune=tune)

    def really(folder, job, stop_at=None):
        command = folder.command(job)
        return Program(tmp_path, small_data).lead(command[command.index("gsgm_mpi") + 1 :], stop_at)

    found = []
    for name in ("whole", "cut"):
        folder = path_of(name)
        cuts = [15] if name == "cut" else []
        for job in folder.jobs:
            crew.runs[job.name] = lambda config, folder=folder, job=job, cuts=cuts: really(
                folder, job, cuts.pop() if cuts and not job.factor else None
            )
        if cuts:
            code, shown = conduct(folder)
            assert (code, shown.of("failed")) == (1, ["gsgm-seed1"])
            assert states(folder)["gsgm-seed1"] == "CUT"
        code, shown = conduct(folder)
        assert code == 0
        assert ("ended", "gsgm-seed1", "finished") in shown.told
        assert folder.standing(folder.jobs[-1]).epochs == 3
        found.append({str(path.relative_to(folder.path)): contents(path) for path in folder.path.rglob("*.h5")})
    assert set(found[0]) == {"tune/gsgm-x1.h5", "tune/gsgm-x10.h5", "gsgm-seed1.h5"}
    assert found[0] == found[1]


def test_a_crew_of_processes(tmp_path):
    crew = Crew(2)
    log = tmp_path / "logs" / "a b.log"
    try:
        crew.start(Job("one", "", {}), ["sh", "-c", "echo out; echo err >&2; exit 3"], log)
        assert (crew.busy, crew.has_room, [job.name for job in crew.jobs]) == (True, True, ["one"])
        crew.start(Job("other", "", {}), ["sh", "-c", "kill -USR1 $$"], tmp_path / "other.log")
        assert not crew.has_room
        found = []
        while crew.busy:
            found += crew.ended()
            time.sleep(0.01)
    finally:
        crew.stop()
    assert {ended.job.name: ended.code for ended in found} == {"one": 3, "other": -signal.SIGUSR1}
    assert all(ended.seconds >= 0 for ended in found)
    assert log.read_text() == "$ sh -c 'echo out; echo err >&2; exit 3'\nout\nerr\n"
    assert crew.has_room


def test_a_log_is_added_to(tmp_path):
    crew, log = Crew(1), tmp_path / "log"
    for word in ("first", "second"):
        crew.start(Job("one", "", {}), ["echo", word], log)
        while crew.busy:
            crew.ended()
            time.sleep(0.01)
    assert log.read_text() == "$ echo first\nfirst\n$ echo second\nsecond\n"


SAVES = """
import os, signal, sys, time
def save(*_):
    open(sys.argv[1], "w").write(f"saved {os.getsid(0) == os.getpid()}")
    sys.exit(85)
signal.signal(signal.SIGTERM, save)
open(sys.argv[1] + ".ready", "w").close()
time.sleep(60)
"""


def test_processes_are_asked_to_save_themselves_and_waited_for(tmp_path):
    crew, names = Crew(2), ["a", "b"]
    for name in names:
        crew.start(Job(name, "", {}), [sys.executable, "-c", SAVES, str(tmp_path / name)], tmp_path / f"{name}.log")
    until = time.monotonic() + 20
    while not all((tmp_path / f"{name}.ready").exists() for name in names) and time.monotonic() < until:
        time.sleep(0.01)
    crew.stop()
    # In a session of their own: Ctrl-C does not reach them.
    assert [(tmp_path / name).read_text() for name in names] == ["saved True"] * 2
    assert {ended.code for ended in crew.ended()} == {85}
    crew.stop()


def test_a_command_that_is_not_there_leaves_the_crew_as_it_was(tmp_path):
    crew = Crew(1)
    with pytest.raises(FileNotFoundError):
        crew.start(Job("one", "", {}), [os.fspath(tmp_path / "none")], tmp_path / "log")
    assert not crew.busy
    assert crew.has_room


def test_only_what_is_finished_or_diverged_has_ended():
    assert [state for state in State if state.ended] == [State.FINISHED, State.DIVERGED]
