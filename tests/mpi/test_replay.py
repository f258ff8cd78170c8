"""Runs of real learners, whose order no option decides, are recomputed from their record to the last bit."""

import subprocess

import h5py
import pytest

from tests.mpi.conftest import ROOT
from tests.program.in_process import contents

OWN = f"{ROOT / 'examples' / 'staleness_aware.py'}:StalenessAware"
SMALL = ("--epochs", "3", "--output", "run.h5")
KINDS = {
    "gsgm": (),
    "gsgm-svrg": ("--algo", "svrg", "--inner-epochs", "2"),
    "ringleader": ("--method", "ringleader", "--slow", "1:4"),
    "od-sgd": ("--method", "od-sgd", "--warmup-updates", "9"),
    "fedbuff": ("--method", "fedbuff", "--local-steps", "3", "--buffer", "4"),
    "hier-avg": (
        "--method", "hier-avg", "--groups", "strided", "--group-size", "2", "--local-period", "2",
        "--global-period", "6", "--partition", "dirichlet:0.3", "--weighting", "samples", "--local-momentum",
    ),
    "dana": ("--method", "dana-zero", "--speeds", "spread:3"),
    "psgd-1-lm": ("--method", "psgd-1-lm", "--durations", "lognormal:0.5", "--gradient-time", "0.002"),
    "own": ("--method", OWN, "--power", "0.5", "--lr", "0.05"),
}  # fmt: skip


def replay(launcher, ranks, *argv, file="run.h5"):
    if ranks > 1:
        return launcher.run(ranks, "--replay", file, *argv, timeout=60)
    return subprocess.run(
        [launcher.python, "-m", "gsgm_mpi", "--replay", file, *argv],
        cwd=launcher.folder,
        env=launcher.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def proved(done):
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "and the final weights, are the same, to the last bit" in done.stdout


def prove(launcher, kind, ranks):
    done = launcher.run(3 if kind == "gsgm-svrg" else 5, *SMALL, *KINDS[kind], timeout=60)
    assert done.returncode == 0, done.stderr
    before = sorted(path.name for path in launcher.folder.iterdir())
    for n in ranks:
        proved(replay(launcher, n))
    assert sorted(path.name for path in launcher.folder.iterdir()) == before


@pytest.mark.parametrize(("kind", "ranks"), [("gsgm-svrg", (1,)), ("hier-avg", (2,))])
def test_a_run_of_real_learners_is_proved(launcher, kind, ranks):
    prove(launcher, kind, ranks)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_is_proved_on_any_number_of_ranks(launcher, kind, ranks):
    prove(launcher, kind, (ranks,))


@pytest.mark.slow
def test_what_a_replay_writes_is_the_record_and_is_proved_in_turn(launcher):
    assert launcher.run(4, *SMALL, *KINDS["ringleader"]).returncode == 0
    proved(replay(launcher, 3, "--output", "again.h5"))
    assert sorted(path.name for path in launcher.folder.iterdir()) == ["again.h5", "run.h5"]
    one, other = (contents(launcher.folder / name) for name in ("run.h5", "again.h5"))
    assert one == other
    proved(replay(launcher, 1, file="again.h5"))


@pytest.mark.slow
def test_until_stops_the_replay_of_real_learners(launcher):
    assert launcher.run(4, *SMALL, *KINDS["fedbuff"]).returncode == 0
    done = replay(launcher, 2, "--until", "50", "--output", "part.h5")
    assert done.returncode == 0, done.stderr
    assert "after update 50: accuracy 0." in done.stdout
    with h5py.File(launcher.folder / "part.h5") as part, h5py.File(launcher.folder / "run.h5") as whole:
        assert part["updates/update"][-1] == 50
        assert part["updates/loss"][:].tobytes() == whole["updates/loss"][:50].tobytes()
        assert part["provenance"].attrs["status"] == "stopped"


@pytest.mark.slow
def test_a_forged_record_is_found_on_every_number_of_ranks(launcher):
    assert launcher.run(4, *SMALL).returncode == 0
    with h5py.File(launcher.folder / "run.h5", "r+") as file:
        file["updates/loss"][40] += 1e-6
    for ranks in (1, 3):
        done = replay(launcher, ranks)
        assert done.returncode == 1
        assert "--replay: update 41 differs: loss was" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("argv", [(), ("--method", "k-avg")])
def test_a_diverged_run_of_real_learners_is_proved(launcher, argv):
    assert launcher.run(4, *SMALL, *argv, "--lr", "1e30").returncode == 0
    proved(replay(launcher, 2))
