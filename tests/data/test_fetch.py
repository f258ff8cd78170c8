"""Torchvision's own downloaders against a server on this machine, whole and broken; the command."""

from __future__ import annotations

import functools
import http.server
import subprocess
import sys
import threading

import pytest
from tiny_files import packed

from gsgm_mpi.data import DownloadError, load, prepare
from gsgm_mpi.data.__main__ import main
from gsgm_mpi.errors import UserError

IMAGES = "train-images-idx3-ubyte"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files; cuts those named in `cut` short, as a connection that breaks does."""

    cut: frozenset[str] = frozenset()
    asked: list[str]

    def log_message(self, *_):
        pass

    def do_GET(self):
        name = self.path.rsplit("/", 1)[-1]
        self.asked.append(name)
        if name not in self.cut:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        return self.wfile.write(b"half of it")


@pytest.fixture
def handler(tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    return type("Served", (Handler,), {"asked": []}), folder


@pytest.fixture
def mirror(handler, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    cls, folder = handler
    serve = functools.partial(cls, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(tmp_path, mirror):
    def call(name, **options):
        given = {"data_dir": None, "download": True, "seed": 0, "say": print, "mirror": mirror}
        return load(prepare(name, cache_dir=tmp_path / "cache", **given | options))

    return call


@pytest.fixture
def served_mnist(handler, mnist_files):
    for name, data in mnist_files.items():
        (handler[1] / f"{name}.gz").write_bytes(packed(data))
    return mnist_files


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_mnist_is_downloaded_once(handler, fetch, served_mnist, tmp_path, name):
    images = fetch(name)
    assert images.train_x.tobytes() == served_mnist[IMAGES][16:]
    folder = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[name]
    downloads = tmp_path / "cache" / "downloads"
    assert [path.name for path in downloads.iterdir()] == [folder]
    assert {path.name for path in (downloads / folder / "raw").iterdir()} == set(served_mnist)
    handler[0].asked.clear()
    assert len(fetch(name, download=False, mirror=None).train_y) == 30
    assert handler[0].asked == []


def test_cifar_is_downloaded(handler, fetch, cifar_files, tmp_path):
    archive = "cifar-10-python.tar.gz"
    (handler[1] / archive).write_bytes(cifar_files[archive])
    images = fetch("cifar10")
    assert images.train_x.shape == (10, 3, 32, 32)
    downloads = tmp_path / "cache" / "downloads"
    assert [path.name for path in downloads.iterdir()] == ["cifar-10-batches-py"]


def test_a_broken_download_leaves_nothing_and_can_be_repeated(handler, fetch, served_mnist, tmp_path):
    handler[0].cut = frozenset({f"{IMAGES}.gz"})
    with pytest.raises(DownloadError, match=r"downloading mnist from .* failed: ") as error:
        fetch("mnist")
    assert "\n" not in str(error.value)
    assert list((tmp_path / "cache" / "downloads").iterdir()) == []
    handler[0].cut = frozenset()
    assert len(fetch("mnist").train_y) == 30


def test_a_corrupt_archive(handler, fetch, served_mnist, cifar_files, tmp_path):
    (handler[1] / f"{IMAGES}.gz").write_bytes(packed(b"other"))
    with pytest.raises(DownloadError, match="corrupted"):
        fetch("mnist")
    archive = "cifar-10-python.tar.gz"
    (handler[1] / archive).write_bytes(cifar_files[archive][:-9])
    with pytest.raises(DownloadError, match="corrupted"):
        fetch("cifar10")
    assert list((tmp_path / "cache" / "downloads").iterdir()) == []


def test_right_archive_with_wrong_contents(handler, fetch, served_mnist, monkeypatch):
    monkeypatch.setattr("gsgm_mpi.data.idx.COUNTS", {"train": 31, "t10k": 10})
    with pytest.raises(DownloadError, match=r"cannot be used: .* not 31x28x28"):
        fetch("mnist")


def test_damaged_downloads_are_replaced(fetch, served_mnist, tmp_path):
    raw = tmp_path / "cache" / "downloads" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, data in served_mnist.items():
        (raw / name).write_bytes(data[:-1])
    with pytest.raises(UserError, match="is damaged"):
        fetch("mnist", download=False)
    assert len(fetch("mnist").train_y) == 30
    assert (raw / IMAGES).read_bytes() == served_mnist[IMAGES]


def test_the_data_folder_comes_first_and_the_download_second(handler, fetch, served_mnist, tmp_path):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    said = []
    fetch("mnist", data_dir=tmp_path / "data", say=said.append)
    assert f"--data-dir {tmp_path / 'data'}" in said[0]
    assert list(raw.iterdir()) == []
    for name, data in served_mnist.items():
        (raw / name).write_bytes(data)
    handler[0].asked.clear()
    fetch("mnist", data_dir=tmp_path / "data")
    assert handler[0].asked == []


def test_the_command_says_where_it_lies(served_mnist, mirror, tmp_path, capfd):
    cache = tmp_path / "cache"
    assert main(["fetch", "mnist", "--cache-dir", str(cache), "--mirror", mirror + "/"]) == 0
    out, progress = capfd.readouterr()
    assert f"downloading mnist from {mirror}/" in out
    assert "mnist: 30 training and 10 test samples, 1x28x28, 10 classes" in out
    assert f"use it with: --dataset mnist --cache-dir {cache}" in out
    assert "100" in progress  # percent, by torchvision


def test_the_commands_errors(mirror, tmp_path, capsys):
    place = ["--cache-dir", str(tmp_path / "cache")]
    assert main(["fetch", "cifar10", *place, "--mirror", mirror]) == 1
    assert "404" in capsys.readouterr().err
    assert main(["fetch", "mnist", *place, "--mirror", "http://127.0.0.1:1"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: downloading mnist from http://127.0.0.1:1/ failed: ")
    assert err.count("\n") == 1
    assert main(["fetch", "mnist", *place, "--mirror", "host"]) == 2
    assert "--mirror must be an address" in capsys.readouterr().err
    assert main(["fetch", "mnits", *place]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_list_and_a_cheap_import():
    code = (
        "import sys, gsgm_mpi.data.__main__ as m; m.main(['list']);"
        "sys.exit(bool({'torch', 'torchvision', 'PIL', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert {"digits", "mnist", "cifar100", "folder:PATH"} < set(names)
