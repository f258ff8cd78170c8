"""Whether the results file can be written, found out before anything else is done."""

from __future__ import annotations

import tempfile
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
