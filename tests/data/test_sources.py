"""Digits, MNIST-format files and CIFAR: the facts, and every fault that files can have."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_files import idx_bytes, packed

from gsgm_mpi.data import FACTS, load, prepare
from gsgm_mpi.errors import UserError


def listing(folder):
    return {
        path.relative_to(folder): (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in folder.rglob("*")
    }


@pytest.fixture
def data_dir(tmp_path):
    """A data folder that must come out of the test as it went in after `lay`."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def convert(tmp_path, data_dir):
    def call(name, **options):
        before = listing(data_dir)
        options = {"data_dir": data_dir, "download": False, "seed": 0, "say": print} | options
        try:
            return load(prepare(name, cache_dir=tmp_path / "cache", **options))
        finally:
            assert listing(data_dir) == before

    return call


def lay(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def test_digits(convert):
    images = convert("digits", data_dir=None)
    assert images.train_x.shape == (1442, 1, 8, 8)
    assert images.test_x.shape == (355, 1, 8, 8)
    both = np.concatenate([images.train_y, images.test_y])
    assert np.bincount(both).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(images.test_y).tolist() == [35, 36, 35, 36, 36, 36, 36, 35, 34, 36]
    pixels = np.concatenate([images.train_x, images.test_x]) / 255
    assert pixels.max() == 1
    assert len(np.unique(pixels)) == 17
    assert images.mean == pytest.approx([pixels.mean()], abs=1e-4)
    assert images.std == pytest.approx([pixels.std()], abs=1e-4)


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST/raw"), ("fashion-mnist", "FashionMNIST/raw")])
@pytest.mark.parametrize("pack", [False, True])
def test_mnist_files_packed_or_not(convert, data_dir, mnist_files, name, folder, pack):
    files = {f"{k}.gz": packed(v) for k, v in mnist_files.items()} if pack else mnist_files
    lay(data_dir / folder, files)
    images = convert(name)
    assert images.train_x.tobytes() == mnist_files["train-images-idx3-ubyte"][16:]
    assert images.train_x.shape == (30, 1, 28, 28)
    assert images.test_y.tolist() == list(range(10))
    assert images.classes == FACTS[name].classes


IMAGES, LABELS = "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize(
    ("file", "spoil", "words"),
    [
        (IMAGES, lambda data: data[:-1], "is damaged: it has 23535 bytes, not 23536"),
        (IMAGES, lambda data: data + b"x", "is damaged: it has 23537 bytes, not 23536"),
        (IMAGES, lambda _: b"", "does not start as an idx file"),
        (IMAGES, lambda data: b"\x1f\x8b" + data[2:], "does not start as an idx file"),
        (IMAGES, lambda data: data[:9], "holds an array of"),
        (LABELS, lambda _: idx_bytes(np.zeros(9, np.uint8)), "array of 9, not 10"),
        (LABELS, None, "is missing .and so is t10k-labels-idx1-ubyte.gz"),
    ],
)
def test_spoilt_mnist_files(convert, data_dir, mnist_files, name, file, spoil, words):
    files = dict(mnist_files)
    data = files.pop(file)
    if spoil is not None:
        files[file] = spoil(data)
    folder = data_dir / {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[name] / "raw"
    lay(folder, files)
    with pytest.raises(UserError, match=words) as error:
        convert(name)
    assert str(error.value).startswith(f"--data-dir {data_dir}: {folder / file} ")
    assert "--download" in str(error.value)


def test_other_contents_of_the_right_size(convert, data_dir, mnist_files):
    other = mnist_files | {LABELS: idx_bytes(np.full(10, 200, np.uint8))}
    lay(data_dir / "MNIST/raw", other)
    with pytest.raises(UserError, match="its MD5 is not"):
        convert("mnist")
    lay(data_dir / "FashionMNIST/raw", other)
    with pytest.raises(UserError, match="it has the label 200"):
        convert("fashion-mnist")


def test_archives_are_known_by_their_md5(convert, data_dir, mnist_files):
    files = {f"{name}.gz": packed(data) for name, data in mnist_files.items()}
    files[f"{IMAGES}.gz"] = files[f"{IMAGES}.gz"][:-5]
    lay(data_dir / "FashionMNIST/raw", files)
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz is damaged: its MD5"):
        convert("fashion-mnist")


def test_changed_files_are_converted_anew(convert, data_dir, mnist_files):
    lay(data_dir / "FashionMNIST/raw", mnist_files)
    assert convert("fashion-mnist").test_y[0] == 0
    lay(data_dir / "FashionMNIST/raw", {LABELS: idx_bytes(np.full(10, 7, np.uint8))})
    assert convert("fashion-mnist").test_y[0] == 7


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10", "cifar100"])
def test_an_empty_or_absent_data_folder(convert, data_dir, name):
    for folder in (data_dir, data_dir / "absent"):
        with pytest.raises(UserError, match=rf"--data-dir {folder}: .* is missing"):
            convert(name, data_dir=folder)


def test_no_data_folder_names_all_ways_out(convert):
    for name in ("mnist", "cifar10"):
        with pytest.raises(UserError, match=rf"--dataset {name} is not at hand") as error:
            convert(name, data_dir=None)
        for way in ("--data-dir DIR", "--download", f"python -m gsgm_mpi.data fetch {name}"):
            assert way in str(error.value)


@pytest.mark.parametrize("pack", [False, True])
def test_cifar(convert, data_dir, cifar_files, pack, tmp_path):
    archive = cifar_files.pop("cifar-10-python.tar.gz")
    if pack:
        lay(data_dir, {"cifar-10-python.tar.gz": archive})
    else:
        lay(data_dir / "cifar-10-batches-py", cifar_files)
    images = convert("cifar10")
    assert images.train_x.shape == (10, 3, 32, 32)
    assert images.train_y.tolist() == [0, 1] * 5
    assert images.train_x[:2].tobytes() in cifar_files["data_batch_1"]
    assert images.test_x.tobytes() in cifar_files["test_batch"]
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_spoilt_cifar(convert, data_dir, cifar_files):
    archive = cifar_files.pop("cifar-10-python.tar.gz")
    folder = data_dir / "cifar-10-batches-py"
    lay(folder, cifar_files)
    lay(folder, {"data_batch_3": b"other"})
    with pytest.raises(UserError, match="data_batch_3 is damaged: its MD5 is not"):
        convert("cifar10")
    (folder / "data_batch_3").unlink()
    with pytest.raises(UserError, match="data_batch_3 is missing"):
        convert("cifar10")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    lay(data_dir, {"cifar-10-python.tar.gz": archive[:-1]})
    with pytest.raises(UserError, match=r"cifar-10-python.tar.gz is damaged: its MD5"):
        convert("cifar10")
