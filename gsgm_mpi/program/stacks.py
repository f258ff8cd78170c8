"""SIGUSR2: every process prints where its threads are, and goes on. For runs that hang.

faulthandler writes the stacks the moment the signal comes, whatever the main thread is doing in C, into a file that
nobody else sees. A thread then prints them in one piece and under the rank's name: written directly, the lines of 31
ranks would be mixed on their way through the launcher.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import threading
from typing import BinaryIO

from gsgm_mpi.program.wall import date


class Stacks:
    """Prints the stacks of this process whenever SIGUSR2 comes.

    Args:
        name: what to call the process, e.g. ``rank 3``; may be changed later.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def install(self) -> None:
        """Takes over SIGUSR2; only the main thread may do this."""
        dump = os.fdopen(os.memfd_create("stacks"), "r+b")
        woken, waker = os.pipe()
        os.set_blocking(waker, False)
        # Python's own handler wakes the thread: its C part writes the signal's number to the pipe, even while the main
        # thread is in a call that never returns. Its Python part has nothing to do.
        signal.signal(signal.SIGUSR2, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        faulthandler.register(signal.SIGUSR2, file=dump, all_threads=True, chain=True)
        threading.Thread(target=self._watch, args=(woken, dump), name="stacks", daemon=True).start()

    def _watch(self, woken: int, dump: BinaryIO) -> None:
        while True:
            if signal.SIGUSR2 in os.read(woken, 1024):
                dump.seek(0)
                text = dump.read().decode(errors="replace")
                dump.seek(0)
                dump.truncate()
                os.write(2, self._labelled(text).encode())

    def _labelled(self, text: str) -> str:
        """The stacks of all threads but this module's own."""
        threads = [thread.strip("\n") for thread in text.split("\n\n") if __file__ not in thread]
        head = f"{date()}  stacks of {self.name} on {socket.gethostname()}, process {os.getpid()} (SIGUSR2):"
        return "\n".join([head, *threads, ""])
