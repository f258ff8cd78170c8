"""Thirty-one ranks, and the other MPI library (``make test-slow``)."""

import os
from pathlib import Path

import pytest

from tests.mpi.conftest import Launcher
from tests.mpi.test_runs import check_file, read

pytestmark = pytest.mark.slow


@pytest.mark.timeout(400)
@pytest.mark.parametrize("algo", ["sgd", "svrg"])
def test_thirty_learners_reach_the_promised_accuracy_with_the_defaults(launcher, algo):
    done = launcher.run(31, "--algo", algo, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    with read(launcher, "results.h5") as file:
        counts = check_file(file, learners=30, epochs=60)
        assert counts.max() - counts.min() <= 1
        assert file["epochs/test_accuracy"][-1] >= 0.8


@pytest.fixture
def other(tmp_path, cache):
    """The other MPI wheel, in the environment that ``make test-slow`` sets up for it."""
    mpiexec = os.environ.get("GSGM_OTHER_MPIEXEC")
    assert mpiexec, "GSGM_OTHER_MPIEXEC must name the mpiexec of the other environment; make test-slow sets it"
    return Launcher(tmp_path, cache, Path(mpiexec).parent)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("n", [2, 5, 31])
@pytest.mark.parametrize("algo", ["sgd", "svrg"])
def test_the_other_mpi_does_the_same(other, n, algo):
    done = other.run(n, "--algo", algo, timeout=300)
    assert done.returncode == 0, done.stderr
    with read(other, "results.h5") as file:
        check_file(file, learners=n - 1, epochs=60)
        assert file["epochs/test_accuracy"][-1] >= 0.8


def test_a_mistake_under_the_other_mpi_ends_all_ranks(other):
    done = other.run(5, "--lr", "-1", timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("--lr must be a number > 0") == 1


def test_the_wrong_mpiexec_is_named(launcher, other):
    """The other library's mpiexec starts this environment's python."""
    other.python = launcher.python
    done = other.run(3, timeout=60)
    assert done.returncode != 0
    assert done.stderr.count("gsgm_mpi: ") == 1
    assert "call the mpiexec of the environment that python runs in" in done.stderr
    assert not (launcher.folder / "results.h5").exists()
