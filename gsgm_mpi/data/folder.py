"""The user's own images: ``PATH/train/CLASS/*`` and ``PATH/test/CLASS/*``.

Classes are numbered in the alphabetical order of their folders. Images may lie in folders below a
class's. All must have one size. They become grey (C=1) where all are grey, else RGB (C=3), without
transparency; how a camera was held (EXIF) is not looked at, as torchvision's ImageFolder does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gsgm_mpi.data.catalog import DataSpec, Facts
from gsgm_mpi.data.source import Part, Source, UnusableError, fingerprint
from gsgm_mpi.errors import UserError

_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"})
_GREY_MODES = frozenset({"1", "L", "LA", "La"})
_COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"})
_CHUNK_PIXELS = 2**22


def source(spec: DataSpec) -> Source:
    """The images of a parsed ``folder:PATH``.

    Raises:
        UserError: where train/ or test/, a class or its images are missing, or the class folders of
            train/ and test/ differ. Reading raises it for an image that is unreadable, differs in
            size, or has more than 8 bits a channel.
    """
    root = spec.path
    assert root is not None
    train, test = _classes(root / "train"), _classes(root / "test")
    if train.keys() != test.keys():
        odd = sorted(train.keys() ^ test.keys())[0]
        has, lacks = ("train", "test") if odd in train else ("test", "train")
        raise _error(
            root,
            f"{has}/ has the class folder {odd!r} and {lacks}/ has not",
            "give both parts the same class folders",
        )
    if len(train) < 2:
        raise _error(root, f"train/ has {len(train)} class folder", "make one for each class")
    everything = [path for part in (train, test) for files in part.values() for path in files]
    try:
        origin = [str(root), fingerprint(everything, root)]
    except UnusableError as error:
        raise _error(root, str(error), "make it readable") from error

    def read() -> tuple[Facts, Part, Part]:
        shape = _shape(root, everything)
        facts = Facts(spec.name, shape, tuple(train))
        return facts, _part(root, shape, train), _part(root, shape, test)

    return Source(spec.name, origin, read)


def _error(root: Path, what: str, fix: str) -> UserError:
    return UserError(f"--dataset folder:{root}: {what}; {fix}")


def _classes(part: Path) -> dict[str, list[Path]]:
    """The images of each class, both in alphabetical order; hidden files are passed over."""
    root = part.parent
    layout = f"the images must lie in {root}/train/CLASS/ and {root}/test/CLASS/"
    try:
        folders = sorted(p for p in part.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise _error(root, f"{part.name}/ cannot be read ({error.strerror})", layout) from error
    classes = {folder.name: sorted(_images(folder)) for folder in folders}
    for name, files in classes.items():
        if not files:
            fix = f"add some ({' '.join(sorted(_SUFFIXES))}) or remove the folder"
            raise _error(root, f"{part.name}/{name}/ has no image", fix)
    return classes


def _images(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder, followlinks=True):
        for name in names:
            path = Path(where, name)
            if path.suffix.lower() in _SUFFIXES and not name.startswith("."):
                yield path


def _shape(root: Path, files: list[Path]) -> tuple[int, int, int]:
    """(C, H, W) of all images, from their headers alone."""
    from PIL import Image

    channels, first = 1, None
    for path in files:
        try:
            with Image.open(path) as image:
                size, mode = image.size, image.mode
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise _unreadable(root, path, error) from error
        if mode not in _GREY_MODES | _COLOUR_MODES:
            what = f"{path.relative_to(root)} has pixels of kind {mode!r}, not 8 bits a channel"
            raise _error(root, what, "convert it to 8-bit grey or RGB")
        first = first or size
        if size != first:
            what = (
                f"{path.relative_to(root)} has {size[0]}x{size[1]} pixels, but"
                f" {files[0].relative_to(root)} has {first[0]}x{first[1]}"
            )
            raise _error(root, what, "resize the images to one size")
        channels = 1 if channels == 1 and mode in _GREY_MODES else 3
    assert first is not None  # _classes found at least one image
    return channels, first[1], first[0]


def _part(root: Path, shape: tuple[int, int, int], classes: dict[str, list[Path]]) -> Part:
    files = [path for class_files in classes.values() for path in class_files]
    counts = [len(class_files) for class_files in classes.values()]
    return Part(np.repeat(np.arange(len(counts)), counts), _chunks(root, shape, files))


def _chunks(root: Path, shape: tuple[int, int, int], files: list[Path]) -> Iterator[np.ndarray]:
    from PIL import Image

    channels, height, width = shape
    size = max(1, _CHUNK_PIXELS // (channels * height * width))
    for start in range(0, len(files), size):
        batch = files[start : start + size]
        x = np.empty((len(batch), height, width, channels), np.uint8)
        for row, path in zip(x, batch, strict=True):
            try:
                with Image.open(path) as image:
                    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
                raise _unreadable(root, path, error) from error
            row[:] = pixels.reshape(height, width, channels)
        yield x.transpose(0, 3, 1, 2)


def _unreadable(root: Path, path: Path, error: Exception) -> UserError:
    what = f"{path.relative_to(root)} is not a readable image ({error})"
    return _error(root, what, "repair it or take it out")
