"""Stacks on SIGUSR2, in a process of their own: a signal handler belongs to the whole process."""

import subprocess
import sys

SLEEPS = """
import os, signal, sys, threading, time
from gsgm_mpi.program.stacks import Stacks

stacks = Stacks("rank 7")
stacks.install()

def in_another_thread():
    time.sleep(60)

def in_the_main_thread():
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGUSR2)
        time.sleep(1)

threading.Thread(target=in_another_thread, daemon=True).start()
time.sleep(0.2)
in_the_main_thread()
print("goes on")
"""

#: The main thread is in a call of C that comes back by itself long after the test, and lets other threads run.
IN_C = """
import ctypes, os, signal, subprocess, sys
from gsgm_mpi.program.stacks import Stacks

Stacks("rank 7").install()
subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -USR2 {os.getpid()}; sleep 1; kill -KILL {os.getpid()}"])

def stuck():
    libc = ctypes.CDLL(None)
    while True:
        libc.sigsuspend(bytes(128))

stuck()
"""


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


def test_all_threads_but_its_own_are_named_and_the_process_goes_on():
    done = run(SLEEPS)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "goes on\n"
    assert done.stderr.count("stacks of rank 7 on ") == 2
    for function in ("in_the_main_thread", "in_another_thread"):
        assert done.stderr.count(f"in {function}") == 2
    assert "stacks.py" not in done.stderr
    assert "in read" not in done.stderr


def test_a_main_thread_that_never_comes_back_from_c_is_no_hindrance():
    done = run(IN_C)
    assert done.stderr.count("stacks of rank 7 on ") == 1
    assert "in stuck" in done.stderr
