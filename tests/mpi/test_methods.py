"""Other methods than GSGM under real mpiexec: each kind of engine and message once; all of them in test_slow.py."""

import json
import signal
from collections import Counter

import numpy as np
import pytest

from gsgm_mpi.cli import parse
from gsgm_mpi.program.parts import build
from tests.mpi.test_runs import read
from tests.simulate import simulate

SHORT = ("--epochs", "6", "--output", "run.h5")


@pytest.mark.parametrize(
    "argv",
    [
        ("ssgd", "--lr", "0.1"),
        ("hier-avg", "--local-period", "2", "--global-period", "6", "--group-size", "2", "--groups", "strided",
         "--partition", "dirichlet:0.3", "--weighting", "samples", "--lr-decay", "0.5@3", "--local-momentum"),
        ("k-avg", "--period", "5", "--lr", "0.05"),
    ],
)  # fmt: skip
def test_collectives_give_the_bits_of_the_state_machine(launcher, cache, argv):
    argv = ("--method", *argv, *SHORT)
    done = launcher.run(5, *argv)
    assert done.returncode == 0, done.stderr
    config = parse([*argv, "--cache-dir", str(cache)])[0].config
    parts = build(config, 4, lambda _: None)
    losses = {}

    def gradient(w, k, i):
        g, losses[k, i] = parts.problem.gradient(w, k, i)
        return g

    arrived = Counter()

    def in_step(ready):
        k = min(ready, key=lambda k: (arrived[k], k))
        arrived[k] += 1
        return k

    method = parts.method()
    _, record = simulate(method, parts.plan, gradient, in_step, rule=parts.rule)
    with read(launcher) as file:
        np.testing.assert_array_equal(file["final/weights"][:], method.w)
        updates = file["updates"]
        rows = {(k, i): loss for k, i, loss in zip(updates["learner"], updates["step"], updates["loss"], strict=True)}
        assert rows == {key: np.float32(loss) for key, loss in losses.items()}
        expected = [(row.learner, row.step, row.lr) for row in record.rows]
        assert sorted(zip(updates["learner"], updates["step"], updates["lr"], strict=True)) == sorted(expected)
        assert file["epochs/update"][:].tolist()[-1] == parts.plan.updates
        accuracy = [parts.problem.evaluate(w).accuracy for _, _, w in record.epochs]
        assert file["epochs/test_accuracy"][:].tolist() == accuracy
        assert (updates["staleness"][:] == 0).all()
        assert (updates["gap"][:] == 0).all()
        assert file["learners/updates"][:].tolist() == [parts.plan.updates // 4] * 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_collectives_at_a_common_average(launcher, number):
    output = launcher.folder / "run.h5"
    argv = ("--method", "hier-avg", "--epochs", "100000", "--group-size", "2", "--output", "run.h5")
    done = launcher.interrupt(5, *argv, when=output, number=number)
    assert done.returncode == 85, done.stderr
    with read(launcher) as file:
        assert file["provenance"].attrs["status"] == "stopped"
        steps = file["learners/updates"][:]
        assert (steps == steps[0]).all()
        assert steps[0] % 4 == 0  # all meet every 8 steps, and every 12, where an epoch ends
        assert len(file["epochs/epoch"]) > 0


def test_collectives_that_diverge_say_so(launcher):
    done = launcher.run(5, "--method", "k-avg", "--lr", "1e30", *SHORT)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    with read(launcher) as file:
        assert file["provenance"].attrs["status"] == "diverged"
        assert len(file["updates/update"]) < 6 * 48


def test_an_exception_in_a_learner_ends_collectives(launcher):
    (launcher.folder / "bad.py").write_text(
        "import torch\n"
        "class Boom(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = torch.nn.Linear(64, 10)\n"
        "        self.calls = 0\n"
        "    def forward(self, x):\n"
        "        self.calls += self.training\n"
        "        if self.calls > 10:\n"
        "            raise RuntimeError('boom')\n"
        "        return self.layer(x.flatten(1))\n"
    )
    done = launcher.run(4, "--method", "ssgd", *SHORT, "--model", "bad.py:Boom")
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert "RuntimeError: boom" in done.stderr
    with read(launcher) as file:
        assert file["provenance"].attrs["status"] == "failed"


@pytest.mark.parametrize(
    ("argv", "options"),
    [
        (("ringleader", "--lr", "0.02"), {}),  # replies that are not fresh
        (("od-sgd", "--lr", "0.1", "--warmup-updates", "9"), {"warmup_updates": 9}),  # two hand-outs a learner
        (("fedbuff", "--lr", "0.05", "--local-steps", "3", "--buffer", "4"), {"local_steps": 3}),  # messages of several
        (("psgd-1-lm", "--lr", "0.005"), {"staleness": 1, "momentum": 0.9, "local_momentum": True}),
    ],
)
def test_each_kind_of_message_travels(launcher, argv, options):
    done = launcher.run(4, "--method", *argv, *SHORT)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    with read(launcher) as file:
        updates = file["updates"]
        assert file["provenance"].attrs["status"] == "finished"
        np.testing.assert_array_equal(updates["update"][:], np.arange(1, len(updates["update"]) + 1))
        for k in (1, 2, 3):
            steps = updates["step"][:][updates["learner"][:] == k]
            np.testing.assert_array_equal(steps, np.arange(len(steps)))
        assert (updates["applied"][:] == 1).all()
        assert file["epochs/test_accuracy"][-1] > 0.5
        config = json.loads(file["provenance"].attrs["config"])
        assert {key: config[key] for key in options} == options
        if "od-sgd" in argv:
            assert updates["staleness"][:].max() == 1


def test_a_method_that_does_not_fit_the_number_of_learners_is_refused(launcher):
    done = launcher.run(6, "--method", "hier-avg", "--group-size", "2", timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--group-size must be a divisor of the 5 learners, not 2; the nearest: 1 or 5" in done.stderr
