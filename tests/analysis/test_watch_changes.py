"""What watch.py makes of a file that changes, goes or breaks as it looks."""

from _results import UnreadableFileError
from _watch_view import view
from _watch_warnings import warnings

from tests.analysis.following import follow
from tests.analysis.watched import EPOCHS, UPDATES, rows


def locked(path, *_):
    raise UnreadableFileError(path, "locked")


def test_what_could_not_be_read_is_tried_again_though_it_has_not_changed(write_watched, monkeypatch):
    path = write_watched()
    with monkeypatch.context() as patch:
        patch.setattr("_watch_read.read", locked)
        followed, clock = follow(path)
        assert followed.trouble == "locked"
    assert followed.poll()
    assert (followed.held.done, followed.quiet_s) == (30, 2)
    # What was read before is no news when it can be read again.
    aside = path.rename(path.with_suffix(".aside"))
    followed.poll()
    aside.rename(path)
    clock[0] += 8
    assert followed.poll()
    assert followed.quiet_s == 10


def test_a_file_server_with_another_clock(write_watched):
    followed, clock = follow(write_watched(ago=-3600))
    assert followed.quiet_s == 0
    clock[0] += 7
    assert followed.quiet_s == 7
    write_watched(ago=500)
    followed.poll()
    assert followed.quiet_s == 0


def test_a_file_comes_goes_breaks_and_comes_back(write_watched, tmp_path):
    path = tmp_path / "run.h5"
    followed, _ = follow(path)
    assert (followed.missing, followed.held, followed.poll()) == (True, None, False)
    path.write_text("half")
    assert (followed.poll(), followed.missing, followed.trouble) == (True, False, "not an HDF5 file")
    assert [line.text for line in view(followed, 200, 24, ascii_only=True)] == [
        f"cannot read {path}: not an HDF5 file; trying again"
    ]
    write_watched()
    assert (followed.poll(), followed.trouble, followed.held.done, followed.poll()) == (True, None, 30, False)
    path.unlink()
    assert (followed.poll(), followed.poll()) == (True, False)
    assert [warn.text for warn in warnings(followed)] == ["run.h5 is gone; this is what it last held"]
    path.write_bytes(b"")
    assert followed.poll()
    assert [warn.text for warn in warnings(followed)] == [
        "cannot be read now: the file is empty; this is what it last held"
    ]
    write_watched(updates=rows(UPDATES, 0), epochs=rows(EPOCHS, 4))
    assert (followed.poll(), followed.held.done, warnings(followed)) == (True, 24, [])
