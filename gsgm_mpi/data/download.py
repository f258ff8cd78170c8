"""Downloads by torchvision's own downloaders, in such a way that a broken one leaves nothing."""

from __future__ import annotations

import errno
import http.client
import socket
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gsgm_mpi.data import cifar, idx
from gsgm_mpi.data.atomic import put_in_place, scratch
from gsgm_mpi.data.torchvision_import import import_torchvision
from gsgm_mpi.errors import bad_option

#: The data sets that can be downloaded, with torchvision's class for each.
DOWNLOADABLE = {**idx.TORCHVISION_CLASS, **cifar.TORCHVISION_CLASS}

_SILENCE_S = 60.0  # torchvision sets no limit, so a host that went silent would hang a job


class DownloadError(Exception):
    """The network or the host failed, not the user; one line."""


def check_mirror(mirror: str | None) -> None:
    """Raises UserError where ``--mirror`` is no address."""
    if mirror is not None and not mirror.startswith(("http://", "https://", "file://")):
        accepted = "an address that starts with http://, https:// or file://"
        raise bad_option("--mirror", repr(mirror), accepted, "add http:// to a host's name")


def download_set(
    name: str,
    downloads: Path,
    is_good: Callable[[Path], bool],
    mirror: str | None,
    say: Callable[[str], None],
) -> None:
    """Downloads and unpacks a data set, checks the archives' MD5, then moves it into ``downloads``.

    Args:
        name: a key of :data:`DOWNLOADABLE`.
        downloads: the folder for it; made if need be.
        is_good: whether the data set's folder, where one is there already, can stay; else it is
            replaced.
        mirror: the address of a folder with the archives, instead of torchvision's hosts.
        say: gets a line when it begins. torchvision shows its own progress on stderr.

    Raises:
        DownloadError: for an unreachable host, a missing file, a broken connection or a wrong MD5.
        OSError: for ``downloads`` that cannot be written.
    """
    cls = _class(name, mirror)
    hosts = cls.mirrors if name in idx.TORCHVISION_CLASS else [cls.url]
    say(f"downloading {name} from {' or '.join(hosts)}")
    downloads.mkdir(parents=True, exist_ok=True)
    with scratch(downloads / name) as temporary:
        temporary.mkdir()
        with _time_limit():
            try:
                cls(temporary, download=True)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise _failed(name, hosts, error) from error
            except (
                RuntimeError,  # torchvision's own: a wrong MD5, or every mirror failed
                EOFError,
                ValueError,
                zlib.error,
                tarfile.TarError,
                http.client.HTTPException,
            ) as error:
                raise _failed(name, hosts, error) from error
        made = cls.__name__ if name in idx.TORCHVISION_CLASS else cls.base_folder
        for archive in (temporary / made).rglob("*.gz"):
            archive.unlink()
        put_in_place(temporary / made, downloads / made, is_good)


def _class(name: str, mirror: str | None) -> Any:
    """The class in torchvision, or a copy of it that knows only the mirror."""
    cls = getattr(import_torchvision().datasets, DOWNLOADABLE[name])
    if mirror is None:
        return cls
    base = mirror.rstrip("/") + "/"
    if name in idx.TORCHVISION_CLASS:
        # The same class name: torchvision makes the folder's name from it.
        return type(cls.__name__, (cls,), {"mirrors": [base]})
    return type(cls.__name__, (cls,), {"url": base + cls.filename})


def _failed(name: str, hosts: list[str], error: Exception) -> DownloadError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DownloadError(f"downloading {name} from {' or '.join(hosts)} failed: {reason}")


@contextmanager
def _time_limit() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
