"""What goes wrong without ending a run, and what a user may not expect of it, is in the results file too."""

import json

import h5py
import numpy as np


def notes(program):
    with h5py.File(program / "run.h5") as file:
        return json.loads(file["provenance"].attrs["notes"])


def test_nothing_to_note(program):
    assert program.run() == 0
    assert notes(program) == []


def test_what_the_start_up_summary_notes_is_in_the_file(program, capsys):
    assert program.run("--method", "hier-avg", "--group-size", "3", "--batch-size", "64") == 0
    assert notes(program) == [
        "with these groups hier-avg is k-avg with the local period",
        "all learners hold fewer than 64 samples: their batch is the whole shard",
    ]
    out = capsys.readouterr().out
    assert all(f"note: {note}" in out for note in notes(program))


def test_a_checkpoint_that_could_not_be_written_is_noted(program, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert program.run("--checkpoint-every", "1") == 0
    found = notes(program)
    assert len(found) >= 2
    assert all("the checkpoint after update" in note for note in found)
