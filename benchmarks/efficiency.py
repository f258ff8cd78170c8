"""How much of what the cores could compute is left when a server serves learners: ``python benchmarks/efficiency.py``.

The bound: as many processes as cores, each computing MnistNet's gradients and nothing else. Against it, real runs with
more ranks than cores; both in turn, because machines are noisy. Prints the ratio of updates to gradients a second. With
``--learners K`` the runs are in virtual time, computed by whatever ranks there are, one (in place) included.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = "synthetic:1x28x28:10:6000"
BOUND = f"""
import time
from dataclasses import replace
from gsgm_mpi.cli import parse
from gsgm_mpi.program.parts import build
config = parse(["--dataset", "{DATA}", "--model", "mnistnet", "--batch-size", "100", "--algo", "ALGO"])[0].config
problem = build(config, 1, lambda _: None).problem
w = problem.initial_weights()
for i in range(20):
    problem.gradient(w, 1, i)
began, i = time.perf_counter(), 0
while time.perf_counter() - began < SECONDS:
    problem.gradient(w, 1, i)
    i += 1
print(i / (time.perf_counter() - began))
"""


def bound(algo: str, cores: int, seconds: float) -> float:
    """Gradients a second of all cores together, undisturbed."""
    code = BOUND.replace("SECONDS", str(seconds)).replace("ALGO", algo)
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(cores)
    ]
    return sum(float(process.communicate()[0]) for process in processes)


def updates_per_second(algo: str, ranks: int, epochs: int, learners: int | None) -> float:
    """Of a real run, from its last line."""
    with tempfile.TemporaryDirectory() as folder:
        launcher = ["mpiexec", "-n", str(ranks)] if ranks > 1 else []
        command = [*launcher, sys.executable, "-m", "gsgm_mpi", "--dataset", DATA]
        command += ["--clock", "virtual", "--learners", str(learners)] if learners else []
        command += ["--model", "mnistnet", "--batch-size", "100", "--algo", algo, "--epochs", str(epochs)]
        command += ["--output", str(Path(folder, "run.h5"))]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"finished after .*, (.+) updates/s", out)
    assert found, out
    return float(found[1])


def main() -> None:
    """Prints one line a number of ranks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, nargs="+", default=[3, 5, 11, 31])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--learners", type=int, help="in virtual time, so many")
    given = parser.parse_args()
    print("ranks  bound  updates/s  ratios")
    for ranks in given.ranks:
        bounds, rates = [], []
        for _ in range(given.rounds):
            bounds.append(bound("sgd", given.cores, 6))
            rates.append(updates_per_second("sgd", ranks, given.epochs, given.learners))
        ratios = [rate / most for rate, most in zip(rates, bounds, strict=True)]
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{ranks:5d}  {statistics.median(bounds):5.0f}  {statistics.median(rates):9.0f}  {shown}", flush=True)


if __name__ == "__main__":
    main()
