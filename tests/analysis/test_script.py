"""A script whose reader has seen enough ends without a word."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "analysis" / "stability.py"


def test_a_closed_pipe_is_no_error(write_run):
    path = write_run("a.h5", [0.1, 0.2])
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, SCRIPT, path], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, "")
