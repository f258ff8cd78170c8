"""The program as a user runs it, at n = 2 and 5."""

import json
import signal

import h5py
import numpy as np
import pytest
import torch

from gsgm_mpi.cli import parse
from gsgm_mpi.kind import Kind
from gsgm_mpi.learners import VarianceReduced
from gsgm_mpi.program.parts import build

SHORT = ("--epochs", "6", "--inner-epochs", "3", "--output", "run.h5")


def read(launcher, name="run.h5"):
    return h5py.File(launcher.folder / name)


def check_file(file, learners, epochs, status="finished"):
    """What must hold in the file of every GSGM run that was not cut short."""
    assert file["provenance"].attrs["status"] == status
    updates, k = file["updates/update"][:], file["updates/learner"][:]
    np.testing.assert_array_equal(updates, np.arange(1, len(updates) + 1))
    assert file["epochs/epoch"][:].tolist() == list(range(1, epochs + 1))
    assert file["epochs/update"][-1] == len(updates)
    assert (file["updates/applied"][:] == 1).all()
    assert file["updates/staleness"][:].max() <= max(0, 2 * learners - 2)
    for j in range(1, learners + 1):
        np.testing.assert_array_equal(file["updates/step"][:][k == j], np.arange((k == j).sum()))
    assert (file["trace/event"][:] == Kind.MESSAGE).sum() == len(updates)
    assert file["learners/updates"][:].sum() == len(updates)
    assert np.isfinite(file["final/weights"][:]).all()
    return np.bincount(k, minlength=learners + 1)[1:]


@pytest.mark.parametrize("algo", ["sgd", "svrg"])
def test_five_ranks_learn_from_sorted_shards(launcher, algo):
    done = launcher.run(5, "--algo", algo, *SHORT)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    with read(launcher) as file:
        counts = check_file(file, learners=4, epochs=6)
        assert counts.max() - counts.min() <= 1
        assert file["epochs/test_accuracy"][-1] > 0.8
        U = 48
        passes = 2 * 6 * U + 2 * U if algo == "svrg" else 6 * U
        assert file["epochs/gradients"][-1] == passes
        assert (np.diff(file["epochs/wall_s"][:]) > 0).all()
        config = json.loads(file["provenance"].attrs["config"])
        assert (config["algo"], config["method"], config["momentum"]) == (algo, "gsgm", 0.9)
    assert "learner  1 has label:samples  0:143" in done.stdout
    assert "results: run.h5" in done.stdout.splitlines()[-1]
    again = launcher.run(5, *SHORT)
    assert again.returncode == 2
    assert "--force" in again.stderr


@pytest.mark.parametrize("algo", ["sgd", "svrg"])
def test_one_learner_equals_the_same_arithmetic_without_mpi(launcher, cache, algo):
    """K = 1 is heavy-ball SGD (or SVRG with it), written out here with torch's optimizer."""
    argv = ["--algo", algo, "--epochs", "2", "--inner-epochs", "1", "--batch-size", "128", "--output", "run.h5"]
    assert launcher.run(2, *argv).returncode == 0
    config = parse([*argv, "--cache-dir", str(cache)])[0].config
    parts = build(config, 1, lambda _: None)
    problem = parts.problem
    parameter = torch.nn.Parameter(torch.from_numpy(problem.initial_weights()))
    optimizer = torch.optim.SGD([parameter], lr=config.lr, momentum=0.9)
    step = 0
    for budget in map(parts.plan.loop_budget, range(parts.plan.loops)):
        w = parameter.detach().numpy()
        gradient = problem.gradient
        if algo == "svrg":
            gradient = VarianceReduced(problem.gradient, w.copy(), problem.full_gradient(w, 1).astype("f4"))
        for _ in range(budget):
            parameter.grad = torch.from_numpy(gradient(parameter.detach().numpy().copy(), 1, step)[0])
            optimizer.step()
            step += 1
    with read(launcher) as file:
        assert file["updates/update"][-1] == step
        np.testing.assert_allclose(file["final/weights"][:], parameter.detach().numpy(), atol=1e-6)


def test_uneven_shards_and_weights_by_samples_end_cleanly(launcher):
    done = launcher.run(5, *SHORT, "--partition", "dirichlet:0.2", "--weighting", "samples", "--algo", "svrg")
    assert done.returncode == 0, done.stderr
    with read(launcher) as file:
        samples = file["learners/samples"][:]
        assert samples.max() > 1.5 * samples.min()
        counts = check_file(file, learners=4, epochs=6)
        assert counts.max() == counts.min()


def breaking_model(folder, condition):
    """Writes a model that raises where the condition holds; ``self.calls`` counts, ``len(x)`` is the batch."""
    (folder / "bad.py").write_text(
        "import torch\n"
        "class Boom(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = torch.nn.Linear(64, 10)\n"
        "        self.calls = 0\n"
        "    def forward(self, x):\n"
        "        self.calls += 1\n"
        f"        if {condition}:\n"
        "            raise RuntimeError('boom')\n"
        "        return self.layer(x.flatten(1))\n"
    )


@pytest.mark.parametrize(
    ("where", "condition", "algo"),
    [
        ("a learner's gradient", "self.training and self.calls > 20", "sgd"),
        ("a full gradient", "not self.training and 100 < len(x) < 300", "svrg"),
        ("an evaluation on rank 0", "not self.training and len(x) == 355 and self.calls > 3", "sgd"),
    ],
)
def test_an_exception_anywhere_stops_everything(launcher, where, condition, algo):
    breaking_model(launcher.folder, condition)
    done = launcher.run(3, *SHORT, "--algo", algo, "--model", "bad.py:Boom")
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError: boom") == 1
    assert done.stderr.count("Traceback") == 1
    assert "rank " in done.stderr
    with read(launcher) as file:
        assert file["provenance"].attrs["status"] == "failed"
        assert "boom" in file["provenance"].attrs["error"]


def test_literal_rounds_with_a_budget_for_each_learner_end(launcher):
    uneven = ("--partition", "dirichlet:0.3", "--seed", "2", "--budget", "per-learner", "--literal")
    done = launcher.run(4, *SHORT, *uneven, "--algo", "svrg")
    assert done.returncode == 0, done.stderr
    with read(launcher) as file:
        counts = check_file(file, learners=3, epochs=6)
        batches = -(-file["learners/samples"][:] // 32)
        np.testing.assert_array_equal(counts, 6 * batches)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_whole_file(launcher, number):
    output = launcher.folder / "run.h5"
    done = launcher.interrupt(3, "--epochs", "100000", "--output", "run.h5", when=output, number=number)
    assert done.returncode == 85, done.stderr
    with read(launcher) as file:
        assert file["provenance"].attrs["status"] == "stopped"
        assert len(file["epochs/epoch"]) > 0
        assert (file["trace/event"][:] == Kind.STOP).sum() == 1


def test_a_run_that_diverges_says_so(launcher):
    done = launcher.run(3, *SHORT, "--lr", "1e30")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    with read(launcher) as file:
        assert file["provenance"].attrs["status"] == "diverged"
    assert "diverged" in done.stdout


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--lr", "-1"], "--lr must be a number > 0, not -1"),
        (["--dataset", "mnist", "--data-dir", "nowhere"], "--data-dir"),
        (["--model", "nofile.py:Net"], "--model"),
    ],
)
def test_mistakes_are_printed_once_and_all_ranks_end(launcher, argv, message):
    done = launcher.run(5, *argv, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert list(launcher.folder.iterdir()) == []


@pytest.mark.parametrize(
    "environment",
    [
        {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "0"},
        {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0"},
    ],
)
def test_a_launcher_of_another_library_is_named(launcher, environment):
    """Another library's mpiexec, or srun without --mpi, starts each process alone; its environment is what tells."""
    launcher.environment |= environment
    launcher.command = lambda n, *argv: [launcher.python, "-m", "gsgm_mpi", *argv]
    done = launcher.run(1, timeout=30)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "started 4 processes, but each is alone" in done.stderr
