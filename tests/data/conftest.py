"""Tiny data sets, and what torchvision knows of the real ones changed to match."""

from __future__ import annotations

import io
import pickle
import tarfile

import numpy as np
import pytest
from tiny_files import idx_bytes, md5, packed

from gsgm_mpi.data import idx
from gsgm_mpi.data.torchvision_import import import_torchvision


@pytest.fixture
def mnist_files(monkeypatch):
    """The four files of an MNIST of 30 + 10 samples, and of a Fashion-MNIST, known by their MD5."""
    rng = np.random.default_rng(0)
    monkeypatch.setattr(idx, "COUNTS", {"train": 30, "t10k": 10})
    files = {}
    for which, n in idx.COUNTS.items():
        pixels = rng.integers(0, 256, (n, 28, 28), np.uint8)
        files[f"{which}-images-idx3-ubyte"] = idx_bytes(pixels)
        files[f"{which}-labels-idx1-ubyte"] = idx_bytes(np.arange(n, dtype=np.uint8) % 10)
    monkeypatch.setattr(idx, "RAW_MD5", {name: md5(data) for name, data in files.items()})
    resources = [(f"{name}.gz", md5(packed(data))) for name, data in files.items()]
    datasets = import_torchvision().datasets
    for cls in (datasets.MNIST, datasets.FashionMNIST):
        monkeypatch.setattr(cls, "resources", resources)
    return files


@pytest.fixture
def cifar_files(monkeypatch):
    """The files of a CIFAR-10 of 10 + 2 samples and their archive, known by their MD5."""
    rng = np.random.default_rng(0)
    cls = import_torchvision().datasets.CIFAR10

    def batch(n):
        pixels = rng.integers(0, 256, (n, 3072), np.uint8)
        return pickle.dumps({"data": pixels, "labels": [i % 10 for i in range(n)]})

    names = [name for name, _ in cls.train_list]
    files = {name: batch(2) for name in names} | {"test_batch": batch(2)}
    files["batches.meta"] = pickle.dumps({"label_names": list("abcdefghij")})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    monkeypatch.setattr(cls, "train_list", [[name, md5(files[name])] for name in names])
    monkeypatch.setattr(cls, "test_list", [["test_batch", md5(files["test_batch"])]])
    monkeypatch.setattr(cls, "meta", cls.meta | {"md5": md5(files["batches.meta"])})
    monkeypatch.setattr(cls, "tgz_md5", md5(archive.getvalue()))
    return files | {cls.filename: archive.getvalue()}
