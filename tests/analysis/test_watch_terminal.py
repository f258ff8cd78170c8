"""watch.py as a user runs it: in a terminal of its own, while a file is replaced, and while a real run writes it."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 120
_ENTER, _LEAVE = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """The script in a terminal of 80 columns and 24 lines; all that it has printed so far is in ``output``."""

    def __init__(self, *arguments, term="xterm-256color"):
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in _OF_TERMINALS}
        self.process = subprocess.Popen(
            # Tests that are started in the background ignore Ctrl-C, and so would their children.
            [
                "env",
                "--default-signal=INT",
                sys.executable,
                ROOT / "analysis" / "watch.py",
                *map(str, arguments),
                "--every",
                "0.05",
            ],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment | {"TERM": term, "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,
        )
        os.close(theirs)
        self.output = ""
        self._until = time.monotonic() + _PATIENCE_S

    def wait_for(self, text):
        """Reads until the text has been printed."""
        while text not in self.output:
            assert self._read(), f"it ended without {text!r}: {self.output}"

    def end(self):
        """Reads to the end and returns the exit code."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE_S)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)

    def _read(self):
        left = max(0, self._until - time.monotonic())
        assert select.select([self._ours], [], [], left)[0], f"nothing more came: {self.output}"
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # the other side is closed
            return False
        self.output += data.decode(errors="replace")
        return bool(data)


_OF_TERMINALS = ("TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


@pytest.fixture
def terminal():
    opened = []

    def start(*arguments, **keywords):
        opened.append(Terminal(*arguments, **keywords))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def start_program(path, *options):
    where = ("--cache-dir", path.parent / "cache", "--output", path)
    return subprocess.Popen(
        [sys.executable, "-m", "gsgm_mpi", "--clock", "virtual", "--learners", "4", *where, *options],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_it_watches_a_real_run_to_its_end(terminal, tmp_path):
    path = tmp_path / "run.h5"
    screen = terminal(path)
    screen.wait_for("waiting for ")
    program = start_program(path, "--epochs", "3")
    try:
        assert screen.end() == 0
    finally:
        program.kill()
        program.wait()
    drawn, left = screen.output.split(_ENTER)[1].split(_LEAVE)
    assert "waiting for " in drawn
    assert "GSGM" in left
    assert "100 %, update 144/144, epoch 3/3" in left
    assert "waiting for " not in left


def test_ctrl_c_gives_the_terminal_back(terminal, tmp_path):
    screen = terminal(tmp_path / "none.h5")
    screen.wait_for("waiting for ")
    os.killpg(screen.process.pid, signal.SIGINT)
    assert screen.end() == 0
    assert _LEAVE in screen.output
    assert "Traceback" not in screen.output


def test_so_does_being_asked_to_end(terminal, tmp_path):
    screen = terminal(tmp_path / "none.h5")
    screen.wait_for("waiting for ")
    screen.process.terminate()
    assert screen.end() == 128 + signal.SIGTERM
    assert _LEAVE in screen.output


def test_a_dumb_terminal_gets_lines(terminal, tmp_path):
    screen = terminal(tmp_path / "none.h5", term="dumb")
    screen.wait_for("waiting for ")
    os.killpg(screen.process.pid, signal.SIGINT)
    assert screen.end() == 0
    assert "\x1b" not in screen.output


def test_it_lives_through_what_happens_to_a_file(terminal, tmp_path):
    path, whole = tmp_path / "run.h5", tmp_path / "whole.h5"
    assert start_program(whole, "--epochs", "2").wait(_PATIENCE_S) == 0
    content = whole.read_bytes()
    writing = threading.Event()

    def spoil():
        """Every state that a file may be found in, one after another."""
        while not writing.is_set():
            for size in (len(content) // 2, 0, 100, len(content) - 1):
                path.write_bytes(content[:size])
                writing.wait(0.02)
            path.unlink()

    writer = threading.Thread(target=spoil)
    writer.start()
    screen = terminal(path)
    try:
        screen.wait_for("cannot read ")
    finally:
        writing.set()
        writer.join()
    whole.replace(path)
    assert screen.end() == 0
    assert "Traceback" not in screen.output
    assert "update 96/96" in screen.output.split(_LEAVE)[1]
