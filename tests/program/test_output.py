"""Who writes a results file, as others see it."""

import fcntl

from gsgm_mpi.program.output import Lock, is_being_written


def test_a_run_is_seen_from_its_start_to_its_end(tmp_path):
    output = tmp_path / "run.h5"
    assert not is_being_written(output)
    lock = Lock(output)
    assert is_being_written(output)
    lock.release()
    assert not is_being_written(output)


def test_one_who_looks_is_no_run_to_another_who_looks(tmp_path):
    lock = Lock(tmp_path / "run.h5")
    (path,) = tmp_path.iterdir()
    lock.release()
    with path.open("w") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not is_being_written(tmp_path / "run.h5")
