"""The wall clock's date, and dated lines on standard output: the one form that all of rank 0's lines have."""

import sys
from datetime import datetime


def date() -> str:
    """Local date and time to the second."""
    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")


def say(text: str) -> None:
    """Prints one dated line at once: the launcher's pipe is no terminal and would hold it back."""
    sys.stdout.write(f"{date()}  {text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Prints one line on standard error at once."""
    sys.stderr.write(f"gsgm_mpi: {text}\n")
    sys.stderr.flush()
