"""The virtual clock under real mpiexec: the same record, to the last bit, on any number of ranks."""

import subprocess

import h5py
import pytest

from tests.mpi.test_runs import breaking_model
from tests.program.in_process import contents

SMALL = ("--learners", "5", "--clock", "virtual", "--epochs", "2", "--batch-size", "64")
CASES = {
    "gsgm-svrg": (
        "--algo", "svrg", "--inner-epochs", "1", "--outages", "2:0.25-0.27,5:0.28-0.7", "--latency", "0.002",
        "--bandwidth", "1e7", "--server-time", "0.0005", "--slow", "3:4",
    ),
    "od-sgd": ("--method", "od-sgd", "--warmup-updates", "9", "--latency", "0.004"),
    "hier-avg": (
        "--method", "hier-avg", "--group-size", "5", "--local-period", "2", "--global-period", "4",
        "--local-momentum", "--partition", "dirichlet:0.3", "--weighting", "samples",
    ),
    "psgd-1-lm": ("--method", "psgd-1-lm", "--speeds", "spread:3", "--durations", "gamma:4"),
}  # fmt: skip


def run_on(launcher, ranks, *argv):
    """One rank is started without mpiexec."""
    if ranks > 1:
        return launcher.run(ranks, *argv, timeout=60)
    return subprocess.run(
        [launcher.python, "-m", "gsgm_mpi", *argv],
        cwd=launcher.folder,
        env=launcher.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def records(launcher, case, ranks):
    found = []
    for n in ranks:
        done = run_on(launcher, n, *SMALL, *CASES[case], "--output", f"{n}.h5")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        found.append(contents(launcher.folder / f"{n}.h5"))
    return found


@pytest.mark.parametrize(
    ("case", "ranks"),
    [
        ("gsgm-svrg", (1, 2, 5)),
        pytest.param("gsgm-svrg", (1, 3, 8), marks=pytest.mark.slow),
        pytest.param("od-sgd", (1, 2, 3, 5), marks=pytest.mark.slow),
        pytest.param("hier-avg", (1, 2, 3, 5), marks=pytest.mark.slow),
        pytest.param("psgd-1-lm", (1, 2, 3, 5), marks=pytest.mark.slow),
    ],
)
def test_the_record_is_the_same_on_any_number_of_ranks(launcher, case, ranks):
    first, *others = records(launcher, case, ranks)
    assert len(first["updates/update"]) > 8 * 40
    for other in others:
        assert other == first
    with h5py.File(launcher.folder / f"{ranks[-1]}.h5") as file:
        assert file["provenance"].attrs["ranks"] == ranks[-1]
        assert file["learners/host"].asstr()[:].tolist() == [""] * 5
        if case == "gsgm-svrg":  # the outages were there
            assert {1, 2, 4} <= set(file["trace/event"][:].tolist())


@pytest.mark.slow
def test_another_seed_is_another_record(launcher):
    one, other = (
        run_on(launcher, 1, *SMALL, *CASES["psgd-1-lm"], "--seed", seed, "--output", f"{seed}.h5") for seed in "12"
    )
    assert (one.returncode, other.returncode) == (0, 0)
    one, other = (contents(launcher.folder / f"{seed}.h5") for seed in "12")
    assert one["updates/arrival_s"] != other["updates/arrival_s"]
    assert one["final/weights"] != other["final/weights"]


@pytest.mark.parametrize("argv", [(), pytest.param(("--algo", "svrg"), marks=pytest.mark.slow)])
def test_an_exception_on_a_rank_that_computes_ends_all_with_one_traceback(launcher, argv):
    condition = "not self.training and 100 < len(x) < 300" if argv else "self.training and self.calls > 20"
    breaking_model(launcher.folder, condition)
    done = launcher.run(3, *SMALL, *argv, "--model", "bad.py:Boom", "--output", "run.h5", timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.count("RuntimeError: boom") == 1
    assert "rank 1 " in done.stderr or "rank 2 " in done.stderr
    with h5py.File(launcher.folder / "run.h5") as file:
        assert file["provenance"].attrs["status"] == "failed"
        assert "boom" in file["provenance"].attrs["error"]
