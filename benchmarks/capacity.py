"""How much of rank 0's time an update of a real run takes, and so how many learners it can serve.

Run as ``python benchmarks/capacity.py``. Learners sleep most of the time (``--gradient-time``), so that few cores can
play many; rank 0 does all that it does in any run: receives, applies, records, evaluates, writes the file, sends. Its
processor time is read from the system between two lines of the run's log, once the run is under way.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

MODELS = {
    "mlp on digits": (),
    "mnistnet": ("--dataset", "synthetic:1x28x28:10:6000", "--model", "mnistnet"),
    "lenet": ("--dataset", "synthetic:3x32x32:10:6000", "--model", "lenet"),
    "convnet": ("--dataset", "synthetic:3x32x32:100:6000", "--model", "convnet"),
}
_LINE = re.compile(r"update (\d+)/.* updates/s  .* left")
_TICKS = os.sysconf("SC_CLK_TCK")


def processor_s(rank: int, folder: Path) -> float:
    """Processor seconds so far of a rank of the run whose working directory is ``folder``."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
            if (process / "cwd").readlink() == folder and f"PMI_RANK={rank}".encode() in environment:
                after_name = (process / "stat").read_text().rpartition(")")[2].split()
                return (int(after_name[11]) + int(after_name[12])) / _TICKS
        except OSError:
            continue
    raise RuntimeError("rank 0 is gone; is this MPICH's mpiexec?")


def measure(options: tuple[str, ...], learners: int, lines: int) -> tuple[float, float]:
    """Updates a second and rank 0's processor seconds for each, between the second line of the log and a later one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        command = ["mpiexec", "-n", str(learners + 1), sys.executable, "-u", "-m", "gsgm_mpi", *options]
        command += ["--epochs", "100000", "--report-every", "5", "--batch-size", "2"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout is not None
            seen: list[tuple[int, float]] = []
            for line in run.stdout:
                if found := _LINE.search(line):
                    seen.append((int(found[1]), processor_s(0, folder)))
                if len(seen) == lines + 2:
                    run.terminate()
                    break
            run.stdout.read()
    (first, busy_first), (last, busy_last) = seen[1], seen[-1]
    return (last - first) / (5 * lines), (busy_last - busy_first) / (last - first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", type=int, default=10)
    parser.add_argument("--gradient-time", type=float, default=0.2, metavar="S", help="of each learner (%(default)s)")
    parser.add_argument("--method", default="gsgm")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--lines", type=int, default=3, help="of the log to measure over, 5 s each (%(default)s)")
    given = parser.parse_args()
    print(f"{'model':16}{'updates/s':>11}{'rank 0, µs/update':>20}{'learners at 10 ms':>20}{'at 100 ms':>12}")
    for model in given.models:
        options = (*MODELS[model], "--method", given.method, "--durations", "constant")
        options += ("--gradient-time", str(given.gradient_time))
        rate, busy_s = measure(options, given.learners, given.lines)
        served = [f"{seconds / busy_s:,.0f}" for seconds in (0.01, 0.1)]
        print(f"{model:16}{rate:11,.1f}{1e6 * busy_s:20,.0f}{served[0]:>20}{served[1]:>12}", flush=True)


if __name__ == "__main__":
    main()
