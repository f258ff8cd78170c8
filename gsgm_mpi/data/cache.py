"""Makes sure that a converted copy of the data set is at hand: see :func:`prepare`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from gsgm_mpi.data import cifar, digits, folder, idx, synthetic
from gsgm_mpi.data.atomic import put_in_place, scratch
from gsgm_mpi.data.catalog import Facts, parse
from gsgm_mpi.data.download import DownloadError, check_mirror, download_set
from gsgm_mpi.data.source import Part, Source, UnusableError
from gsgm_mpi.data.store import folder_name, is_intact, load, write
from gsgm_mpi.errors import UserError

__all__ = ["default_cache_dir", "load", "prepare"]


def default_cache_dir() -> Path:
    """``$GSGM_CACHE_DIR``, else ``$XDG_CACHE_HOME/gsgm_mpi``, else ``~/.cache/gsgm_mpi``.

    Raises:
        UserError: where none of them is known.
    """
    if own := os.environ.get("GSGM_CACHE_DIR"):
        return Path(own).expanduser()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "gsgm_mpi"
    try:
        return Path("~/.cache/gsgm_mpi").expanduser()
    except RuntimeError as error:
        raise UserError(
            "--cache-dir has no default here, as this account has no home folder; name a folder or set GSGM_CACHE_DIR"
        ) from error


def prepare(
    spec: str,
    *,
    data_dir: Path | None,
    cache_dir: Path,
    download: bool,
    seed: int,
    say: Callable[[str], None],
    mirror: str | None = None,
) -> Path:
    """Returns the folder of the converted copy, for :func:`load`; makes it if need be.

    One process calls it (rank 0) and the others wait; several jobs may call it at once.

    Args:
        spec: the value of ``--dataset``.
        data_dir: where MNIST and CIFAR lie, in torchvision's layout; never written to. None: in
            ``cache_dir/downloads``.
        cache_dir: where copies and downloads go; made if need be.
        download: whether MNIST and CIFAR may be downloaded where they are missing.
        seed: of the run; only ``synthetic`` makes use of it.
        say: gets a line about each long step.
        mirror: instead of torchvision's hosts, the address of a folder with the archives.

    Raises:
        UserError: for a bad ``spec`` or ``mirror``, files that are missing or damaged, or a
            ``cache_dir`` that cannot be written.
        DownloadError: where the download failed.
    """
    wanted = parse(spec)
    check_mirror(mirror)
    cache_dir = cache_dir.expanduser().absolute()
    if wanted.kind == "digits":
        return _copy(digits.source(), cache_dir, say)
    if wanted.kind == "synthetic":
        return _copy(synthetic.source(wanted, seed), cache_dir, say)
    if wanted.kind == "folder":
        return _copy(folder.source(wanted), cache_dir, say)
    if data_dir is not None:
        try:
            return _copy(_find(wanted.name, data_dir.expanduser(), cache_dir), cache_dir, say)
        except UnusableError as error:
            if not download:
                raise UserError(
                    f"--data-dir {data_dir}: {error}; name the folder that has {wanted.name} in"
                    " torchvision's layout, or add --download"
                ) from error
            say(f"--data-dir {data_dir}: {error}")
    return _copy(_downloaded(wanted.name, cache_dir, download, mirror, say), cache_dir, say)


def _find(name: str, root: Path, cache_dir: Path) -> Source:
    if name in idx.TORCHVISION_CLASS:
        return idx.source(name, root)
    return cifar.source(name, root, cache_dir)


def _downloaded(
    name: str, cache_dir: Path, may_download: bool, mirror: str | None, say: Callable[[str], None]
) -> Source:
    """The data set from the cache's own downloads."""
    downloads = cache_dir / "downloads"

    def read() -> tuple[Facts, Part, Part]:
        try:
            return _find(name, downloads, cache_dir).read()
        except UnusableError as error:
            if not may_download:
                raise UserError(
                    f"--dataset {name} is not at hand ({error}); name its folder with --data-dir"
                    " DIR, add --download, or run `python -m gsgm_mpi.data fetch"
                    f" {name}` on a node with network"
                ) from error
        download_set(name, downloads, is_good, mirror, say)
        try:
            return _find(name, downloads, cache_dir).read()
        except UnusableError as error:
            raise DownloadError(f"the download of {name} cannot be used: {error}") from error

    def is_good(_: Path) -> bool:
        try:
            _find(name, downloads, cache_dir).read()
        except UnusableError:
            return False
        return True

    # Downloads are checked, so there is but one content, and the copy stands for itself: it is
    # found also where the downloads have been removed since.
    return Source(name, "download", read)


def _copy(source: Source, cache_dir: Path, say: Callable[[str], None]) -> Path:
    """The intact copy of a source: the one that is there or a new one."""
    target = cache_dir / folder_name(source)
    if is_intact(target):
        return target
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        facts, train, test = source.read()
        say(f"converting {source.name} into {target}")
        with scratch(target) as temporary:
            write(temporary, facts, train, test)
            put_in_place(temporary, target, is_intact)
    except OSError as error:
        # Sources turn the errors of their own files into others: this one is about the cache.
        raise UserError(
            f"--cache-dir {cache_dir} cannot be written ({error.strerror or error}); name a folder"
            " with space that you may write to"
        ) from error
    return target
