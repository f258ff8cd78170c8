"""The lines that rank 0 prints."""

import pytest

from gsgm_mpi.program.progress import Progress, duration


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00")])
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_line_every_few_seconds():
    now, lines = [0.0], []
    progress = Progress(10, 1000, 5.0, clock=lambda: now[0], say=lines.append)
    progress.tick(1)
    now[0] = 5.0
    progress.tick(100)
    progress.on_epoch({"epoch": 2, "virtual_s": float("nan"), "test_accuracy": 0.5, "test_loss": 1.25})
    now[0] = 9.0
    progress.tick(150)
    now[0] = 10.0
    progress.tick(400)
    progress.last(1000, "finished")
    assert lines == [
        "epoch 0/10  update 100/1000  20 updates/s  0:45 left",
        "epoch 2/10  update 400/1000  accuracy 0.5000  loss 1.2500  60 updates/s  0:15 left",
        "epoch 2/10  update 1000/1000  accuracy 0.5000  loss 1.2500  finished after 0:10, 100 updates/s",
    ]
