"""The user's own images: what is accepted and what is said of what is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gsgm_mpi.data import load, prepare
from gsgm_mpi.errors import UserError


def save(path, value=0, mode="L", size=(5, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


@pytest.fixture
def images(tmp_path):
    """Two classes, three training images and one test image each, of one grey level."""
    root = tmp_path / "images"
    for label, name in enumerate(["cat", "dog"]):
        for i in range(3):
            save(root / "train" / name / f"{i}.png", 100 * label + 10 * i)
        save(root / "test" / name / "deep" / "0.PNG", 100 * label + 5)
    return root


@pytest.fixture
def convert(tmp_path, images):
    def call():
        cache = tmp_path / "cache"
        return prepare(f"folder:{images}", data_dir=None, cache_dir=cache, download=False, seed=0, say=print)

    return call


def test_grey_images(images, convert):
    (images / "train" / "cat" / ".DS_Store").write_bytes(b"x")
    (images / "train" / "cat" / "notes.txt").write_text("not an image")
    got = load(convert())
    assert got.name == f"folder:{images}"
    assert got.classes == ("cat", "dog")
    assert got.train_x.shape == (6, 1, 4, 5)
    assert got.train_y.tolist() == [0, 0, 0, 1, 1, 1]
    assert got.train_x[:, 0, 0, 0].tolist() == [0, 10, 20, 100, 110, 120]
    assert got.test_x[:, 0, 3, 4].tolist() == [5, 105]
    assert got.mean == pytest.approx([60 / 255])
    assert got.std == pytest.approx([np.std([0, 10, 20, 100, 110, 120]) / 255])


def test_one_colour_image_makes_all_of_them_rgb(images, convert):
    save(images / "train" / "cat" / "1.png", (1, 2, 3), "RGB")
    got = load(convert())
    assert got.train_x.shape == (6, 3, 4, 5)
    assert got.train_x[1, :, 2, 2].tolist() == [1, 2, 3]
    assert got.train_x[2, :, 2, 2].tolist() == [20, 20, 20]
    assert len(got.mean) == len(got.std) == 3


def test_images_of_one_value_have_a_harmless_deviation(images, convert):
    for path in images.glob("train/*/*.png"):
        save(path, 51)
    got = load(convert())
    assert got.mean == pytest.approx([0.2])
    assert got.std == (1.0,)


def test_a_changed_tree_is_converted_anew(images, convert):
    first = convert()
    assert convert() == first
    save(images / "train" / "cat" / "new.png", 7)
    second = convert()
    assert second != first
    assert len(load(second).train_y) == 7


def spoil_size(root):
    save(root / "train/dog/1.png", size=(6, 4))


def spoil_image(root):
    (root / "test/cat/deep/0.PNG").write_bytes(b"not a picture")


def truncate_image(root):
    path = root / "train/cat/0.png"
    noise = np.random.default_rng(0).integers(0, 255, (4, 5), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-30])


def deepen_image(root):
    save(root / "train/dog/2.png", 40_000, "I;16")


def add_class(root):
    save(root / "train/emu/0.png")


def add_test_class(root):
    save(root / "test/emu/0.png")


def empty_class(root):
    for path in (root / "train/cat").iterdir():
        path.unlink()


def drop_test(root):
    (root / "test").rename(root / "tset")


def one_class(root):
    for part in ("train", "test"):
        (root / part / "dog").rename(root / f"{part}-dog")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_size, r"train/dog/1.png has 6x4 pixels, but train/cat/0.png has 5x4"),
        (spoil_image, r"test/cat/deep/0.PNG is not a readable image"),
        (truncate_image, r"train/cat/0.png is not a readable image"),
        (deepen_image, r"train/dog/2.png has pixels of kind 'I;16'"),
        (add_class, r"train/ has the class folder 'emu' and test/ has not"),
        (add_test_class, r"test/ has the class folder 'emu' and train/ has not"),
        (empty_class, r"train/cat/ has no image"),
        (drop_test, r"test/ cannot be read"),
        (one_class, r"train/ has 1 class folder"),
    ],
)
def test_spoilt_folders(images, convert, tmp_path, spoil, words):
    spoil(images)
    with pytest.raises(UserError, match=words) as error:
        convert()
    assert str(error.value).startswith(f"--dataset folder:{images}: ")
    assert "\n" not in str(error.value)
    assert not list(Path(tmp_path).glob("cache/*"))
    assert not list(Path(tmp_path).glob("cache/.*"))
