"""Puts the sections of a report into one page of HTML, and the page where the user wants it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from _report_parts import Section

_TEMPLATE = "report.html.j2"


def page(title: str, sections: Sequence[Section], unreadable: Sequence[tuple[str, str]], written: str | None) -> str:
    """The page.

    Args:
        title: its heading.
        sections: in order.
        unreadable: name and reason of each file that could not be read.
        written: when that was; None for not to say.
    """
    # Imported here: it is needed for nothing else.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Whatever comes out of a results file is text, whatever it looks like; the pictures alone are markup.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template(_TEMPLATE)
    text = template.render(title=title, sections=sections, unreadable=unreadable, written=written) + "\n"
    # Names of files need not be UTF-8.
    return text.encode("utf-8", "replace").decode()


def write(text: str, path: Path) -> None:
    """Writes a file whole or not at all: a page that is being read stays what it was until the new one is there."""
    path = path.resolve()  # a link stays one, and its target is written
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        # mkstemp makes files that no one else may read.
        mask = os.umask(0)
        os.umask(mask)
        Path(beside).chmod(0o666 & ~mask)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
