"""Real runs: ``mpiexec`` started from serial pytest, each with its own time limit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Launcher:
    """Starts programs under one MPI, in a folder of their own."""

    def __init__(self, folder: Path, cache: Path, bin_dir: Path | None = None) -> None:
        own = bin_dir or Path(sys.executable).parent
        self.folder = folder
        self.python = str(own / "python")
        self.mpiexec = str(own / "mpiexec") if (own / "mpiexec").exists() else shutil.which("mpiexec")
        path = os.pathsep.join([str(own), os.environ["PATH"]])
        self.environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "GSGM_CACHE_DIR": str(cache)}

    def command(self, n: int, *argv: str) -> list[str]:
        return [self.mpiexec, "-n", str(n), self.python, "-m", "gsgm_mpi", *argv]

    def run(self, n: int, *argv: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
        """Runs to the end; what it printed is in the failure's message where it hangs."""
        return self.communicate(self.start(n, *argv), timeout)

    def interrupt(
        self, n: int, *argv: str, when: Path, number: int = signal.SIGINT, timeout: float = 90
    ) -> subprocess.CompletedProcess[str]:
        """Sends a signal to mpiexec a second after the file ``when`` has come up."""
        process = self.start(n, *argv)
        until = time.monotonic() + timeout
        while not when.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(number)
        return self.communicate(process, timeout)

    def start(self, n: int, *argv: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(n, *argv),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @staticmethod
    def communicate(process: subprocess.Popen[str], timeout: float) -> subprocess.CompletedProcess[str]:
        """Waits for the end; kills what does not end."""
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"no end after {timeout} s\n{out}\n{err}")
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def launcher(tmp_path, cache):
    return Launcher(tmp_path, cache)
