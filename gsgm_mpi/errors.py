"""Errors that are the user's to mend: one line that says what was given, what is accepted and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in an option, a file or the launch; rank 0 prints it as one line and all ranks exit with 2."""


def bad_option(option: str, given: object, accepted: str, fix: str = "") -> UserError:
    """Builds the error for one option, in the one form that all of them have.

    Args:
        option: as the user types it, e.g. ``--lr``.
        given: the value that was given.
        accepted: the accepted range, e.g. ``a number > 0``.
        fix: what to type instead, e.g. ``use for instance --lr 0.05``.
    """
    return UserError(f"{option} must be {accepted}, not {given!s}" + (f"; {fix}" if fix else ""))


def unknown_name(option: str, given: str, known: Iterable[str]) -> UserError:
    """Builds the error for a name that is not in a table; it suggests the nearest one that is."""
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    fix = f"did you mean {near[0]!r}?" if near else ""
    return bad_option(option, repr(given), "one of " + ", ".join(names), fix)
