"""Folders that appear whole or not at all, whoever else makes the same one at the same time."""

from __future__ import annotations

import errno
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ABANDONED_S = 24 * 3600  # the work of a killed process; no conversion takes so long


@contextmanager
def scratch(target: Path) -> Iterator[Path]:
    """The path of a folder yet to be made, beside ``target``; what is there is removed at the end.

    Beside, as only a rename within one file system is atomic; and with a name of its own, so that
    two processes (also on two hosts) never share it. What killed processes left is removed too.
    """
    prefix = f".{target.name}.tmp-"
    for old in target.parent.glob(f"{prefix}*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(old, ignore_errors=True)
    temporary = target.parent / f"{prefix}{secrets.token_hex(8)}"
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put_in_place(made: Path, target: Path, is_good: Callable[[Path], bool]) -> None:
    """Renames the folder ``made`` to ``target``, unless there is a good one already.

    Another process may have been quicker: what it made is the same and may be in use, so it stays.

    One that is not good is moved aside first, as POSIX has no exchange of two folders.

    Raises:
        OSError: where the folder around ``target`` cannot be written.
    """
    while True:
        try:
            made.rename(target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return
        if is_good(target):
            return
        with scratch(target) as aside, suppress(FileNotFoundError):
            # Not found: another process has just moved it aside; then the rename is tried again.
            target.rename(aside)
