"""Thirty-one ranks, the other MPI library, and every method in turn (``make test-slow``)."""

import os
import signal
from pathlib import Path

import pytest

from benchmarks.rates import COMBINATIONS
from gsgm_mpi.cli import parse
from gsgm_mpi.methods import METHODS
from tests.mpi.conftest import Launcher
from tests.mpi.test_runs import check_file, read
from tests.program.in_process import contents

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


@pytest.mark.parametrize(
    "argv", [("--algo", "svrg", "--outages", "2:0.1-0.3"), ("--method", "k-avg", "--local-momentum", "--lr", "0.01")]
)
def test_both_mpis_give_the_same_bits_in_virtual_time(launcher, other, argv):
    found = []
    for ranks, mpi in ((3, launcher), (4, other)):
        output = f"{ranks}.h5"
        options = ("--clock", "virtual", "--learners", "5", "--epochs", "6", *argv, "--output", output)
        done = mpi.run(ranks, *options)
        assert done.returncode == 0, done.stderr
        found.append(contents(mpi.folder / output))
    assert found[0] == found[1]


def test_what_ran_under_one_mpi_is_proved_and_goes_on_under_the_other(launcher, other):
    options = ("--method", "psgd-1-lm", "--epochs", "400", "--output", "run.h5")
    done = other.interrupt(4, *options, when=other.folder / "run.h5", number=signal.SIGUSR1)
    assert done.returncode == 85, done.stderr
    proved = launcher.run(2, "--replay", "run.h5")
    assert proved.returncode == 0, proved.stderr
    again = launcher.run(4, *options, "--resume")
    assert again.returncode == 0, again.stderr
    assert "goes on after update" in again.stdout
    proved = other.run(2, "--replay", "run.h5")
    assert proved.returncode == 0, proved.stderr


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


#: What even the weakest reaches where chance is 0.1. Learners that walk far on one or two labels before they meet come
#: out lower when label-sorted.
FAIR = {"iid": 0.8, "sorted": 0.8}
DRIFTING = {"iid": 0.6, "sorted": 0.3}


@pytest.mark.parametrize("partition", ["iid", "sorted"])
@pytest.mark.parametrize("spec", [*METHODS, *COMBINATIONS])
def test_every_method_learns_at_its_default_rate(launcher, spec, partition):
    argv = ["--method", *spec.split(), "--partition", partition, "--output", "run.h5"]
    config = parse(argv)[0].config
    done = launcher.run(5, *argv, "--epochs", "20")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    drifts = config.method in ("easgd", "eamsgd", "fedbuff", "ca2fl", "fedavg")
    with read(launcher) as file:
        assert file["provenance"].attrs["status"] == "finished"
        assert file["epochs/test_accuracy"][:].max() > (DRIFTING if drifts else FAIR)[partition]
        assert len(file["updates/update"]) >= 20 * 48
        drops = (file["updates/applied"][:] == 0).sum()
        assert drops == 0 or config.method in ("ringmaster", "malenia")


def test_delay_compensation_diverges_where_labels_are_sorted(launcher):
    """DANA-DC's λ g⊙g⊙(θ − θ̂) grows with the cube of what sorted labels make of the gradient.

    Behind a barrier, where the order of arrival changes nothing, so that the run is the same every time.
    """
    for partition, status in (("iid", "finished"), ("sorted", "diverged")):
        argv = ("--method", "dana-dc", "--gate", "barrier", "--lr", "0.3", "--epochs", "10", "--output", "run.h5")
        done = launcher.run(5, *argv, "--partition", partition, "--force")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        with read(launcher) as file:
            assert file["provenance"].attrs["status"] == status


@pytest.mark.parametrize(
    "spec", ["asvrg", "dvrg-2-lm", "downpour --gate barrier --algo svrg", "gsgm --algo svrg --gate ssp"]
)
def test_variance_reduction_under_every_gate(launcher, spec):
    done = launcher.run(5, "--method", *spec.split(), "--epochs", "20", "--output", "run.h5")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    with read(launcher) as file:
        assert file["epochs/test_accuracy"][-1] > 0.8
        assert file["epochs/outer"][-1] == 4


@pytest.mark.timeout(400)
@pytest.mark.parametrize("method", ["hier-avg", "od-sgd", "ringleader"])
def test_thirty_learners_under_other_engines(launcher, method):
    """Groups by the default size; two hand-outs each; replies that are not fresh."""
    done = launcher.run(31, "--method", method, "--lr", "0.05", "--epochs", "20", timeout=300)
    assert done.returncode == 0, done.stderr
    with read(launcher, "results.h5") as file:
        assert file["provenance"].attrs["status"] == "finished"
        assert file["epochs/test_accuracy"][-1] > 0.5


def test_collectives_under_the_other_mpi(other):
    argv = ("--method", "hier-avg", "--groups", "strided", "--lr", "0.2", "--epochs", "20", "--output", "run.h5")
    done = other.run(5, *argv)
    assert done.returncode == 0, done.stderr
    with read(other) as file:
        assert file["epochs/test_accuracy"][-1] > 0.8
