"""``python -m gsgm_mpi.data``: list data sets; fetch one before the job, with network."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from gsgm_mpi.data import ABOUT, DownloadError, default_cache_dir, load, prepare
from gsgm_mpi.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns 0, 2 for a mistake of the user's, or 1 for a failed download."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "list":
            _list()
        else:
            _fetch(options)
    except UserError as error:
        return _fail(error, 2)
    except DownloadError as error:
        return _fail(error, 1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gsgm_mpi.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print the known data sets, a line each")
    fetch = commands.add_parser("fetch", help="download a data set where needed, and convert it")
    fetch.add_argument("name", metavar="NAME", help="as in --dataset; see list")
    fetch.add_argument("--cache-dir", type=Path, help="where it goes ($GSGM_CACHE_DIR or ~/.cache/gsgm_mpi)")
    fetch.add_argument("--data-dir", type=Path, help="where to look for it before downloading")
    fetch.add_argument("--mirror", metavar="URL", help="download from here: a folder of archives")
    return parser


def _list() -> None:
    width = max(map(len, ABOUT))
    for name, about in ABOUT.items():
        sys.stdout.write(f"{name:{width}}  {about}\n")


def _fetch(options: argparse.Namespace) -> None:
    path = prepare(
        options.name,
        data_dir=options.data_dir,
        cache_dir=options.cache_dir or default_cache_dir(),
        download=True,
        seed=0,
        say=_say,
        mirror=options.mirror,
    )
    images = load(path)
    channels, height, width = images.shape
    _say(
        f"{images.name}: {len(images.train_y)} training and {len(images.test_y)} test samples,"
        f" {channels}x{height}x{width}, {len(images.classes)} classes"
    )
    _say(f"lies in {path}")
    use = ["--dataset", options.name]
    if options.data_dir is not None:
        use += ["--data-dir", str(options.data_dir)]
    if options.cache_dir is not None:
        use += ["--cache-dir", str(options.cache_dir)]
    _say(f"use it with: {shlex.join(use)}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _fail(error: Exception, code: int) -> int:
    sys.stderr.write(f"error: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
