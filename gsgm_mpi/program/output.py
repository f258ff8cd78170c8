"""Whether the results file can be written, found out before anything else is done; and that one run alone does so."""

from __future__ import annotations

import fcntl
import itertools
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from gsgm_mpi.errors import UserError


def check_output(output: Path, *, force: bool) -> None:
    """Raises :class:`UserError` where the results file cannot or must not be written. Writes nothing that stays."""
    problem = ""
    try:
        if output.is_dir() or (output.exists() and not output.is_file()):
            problem = f"must be a file, not the folder or device {output}"
        elif output.exists() and not force:
            raise UserError(
                f"--output must be a new file: {output} exists; overwrite it with --force or name another with --output"
            )
        elif not output.parent.is_dir():
            problem = f"must lie in a folder that exists: {output.parent} does not"
        else:
            with tempfile.NamedTemporaryFile(dir=output.parent, prefix=output.name):
                pass
    except OSError as error:
        problem = f"must be a file that can be written, not {output} ({error.strerror})"
    if problem:
        raise UserError(f"--output {problem}; name another with --output")


#: A look at whether a lock is held takes it for a moment.
_ATTEMPTS, _PAUSE_S = 5, 0.05


def is_being_written(output: Path) -> bool:
    """Whether some run holds the :class:`Lock` of a results file."""
    try:
        with _lock_file(output).open("r") as file:
            # Shared, so that two that look do not take each other for the run.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # no lock file, or no locks on this file system
    return False


def _lock_file(output: Path) -> Path:
    return output.with_name(f".{output.name}.lock")


class Lock:
    """Held by the run that writes a results file, until it ends in whatever way.

    A run whose launcher was killed may live on; another that took up its checkpoint would be overwritten by it.

    Args:
        output: the results file.

    Raises:
        UserError: where another run holds it.
    """

    def __init__(self, output: Path) -> None:
        self._path = _lock_file(output)
        for attempt in itertools.count(1):
            self._file = self._path.open("a")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                self._file.close()
                if attempt < _ATTEMPTS:
                    time.sleep(_PAUSE_S)
                    continue
                raise UserError(
                    f"--output {output} is being written by another run that has not ended; end that one, or name "
                    "another with --output"
                ) from error
            except OSError:
                return  # a file system without locks: as safe as it can be
            if self._is_there():
                return
            # The run that held it removed it in between: a lock on a file that is gone keeps nobody out.
            self._file.close()

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """The run has ended."""
        with suppress(OSError):
            self._path.unlink()
        self._file.close()
