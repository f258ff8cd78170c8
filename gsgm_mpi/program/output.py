"""Whether the results file can be written, found out before anything else is done."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gsgm_mpi.errors import UserError


def check_output(output: Path, *, force: bool) -> None:
    """Raises :class:`UserError` where the results file cannot or must not be written. Writes nothing that stays."""
    if output.is_dir():
        raise UserError(f"--output must be a file, not the folder {output}; name a file in it")
    if output.exists() and not force:
        raise UserError(
            f"--output must be a new file: {output} exists; overwrite it with --force or name another with --output"
        )
    if not output.parent.is_dir():
        raise UserError(
            f"--output must lie in a folder that exists: {output.parent} does not; "
            "create it or name another with --output"
        )
    try:
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise UserError(
            f"--output must lie in a folder that can be written to, not {output.parent} "
            f"({error.strerror}); name another with --output"
        ) from error
