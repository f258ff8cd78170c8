"""A user's own model: ``--model path/to/file.py:Factory``."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

from torch import nn

from gsgm_mpi.errors import UserError, bad_option


def is_file_spec(spec: str) -> bool:
    """Whether ``spec`` names a Python file, rightly or not, rather than a built-in model."""
    return spec.endswith(".py") or ".py:" in spec


def from_file(spec: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Runs the file and calls its factory (a function, or a module's class).

    The factory is called with those of ``classes=`` (int) and ``shape=`` ((C, H, W)) that it takes.

    Args:
        spec: ``path/to/file.py:Factory``.
        shape: (C, H, W) of the images.
        classes: how many there are.

    Raises:
        UserError: where there is no such file or factory, where either raises, and where the
            factory returns anything but a ``torch.nn.Module``.
    """
    path, _, name = spec.rpartition(":")
    if not path.endswith(".py") or not name.isidentifier():
        raise bad_option("--model", repr(spec), "path/to/file.py:Factory for a model of your own")
    factory = getattr(_load(Path(path), spec), name, None)
    if not callable(factory):
        raise UserError(f"--model {spec}: {path} defines no function or class {name!r}")
    try:
        accepted = inspect.signature(factory).parameters.values()
        takes_all = any(p.kind is p.VAR_KEYWORD for p in accepted)
        by_name = {p.name for p in accepted if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        offered = {"classes": classes, "shape": shape}
        module = factory(**{n: v for n, v in offered.items() if takes_all or n in by_name})
    except Exception as error:
        raise UserError(f"--model {spec}: {name} failed with {in_one_line(error)}") from error
    if not isinstance(module, nn.Module):
        given = type(module).__name__
        raise UserError(f"--model {spec}: {name} must return a torch.nn.Module, not {given}")
    return module


def _load(path: Path, spec: str) -> object:
    if not path.is_file():
        raise UserError(f"--model {spec}: there is no file {path}")
    found = importlib.util.spec_from_file_location(f"gsgm_mpi_user_model_{path.stem}", path)
    try:
        loaded = importlib.util.module_from_spec(found)
        found.loader.exec_module(loaded)
    except Exception as error:
        raise UserError(f"--model {spec}: {path} failed with {in_one_line(error)}") from error
    return loaded


def in_one_line(error: Exception) -> str:
    """An exception's type and the first 300 characters of its message, without line breaks."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
