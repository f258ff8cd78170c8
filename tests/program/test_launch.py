"""What happens before MPI starts."""

from pathlib import Path

import pytest

from gsgm_mpi.errors import UserError
from gsgm_mpi.program.launch import FAILED, FINISHED, USAGE, Interrupt, Launch, read_command_line, tune
from gsgm_mpi.program.output import check_output

ALONE = Launch(None, None, 1)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (None, None, 1)),
        ({"PMI_RANK": "3", "PMI_SIZE": "31", "MPI_LOCALNRANKS": "16"}, (3, 31, 16)),
        (
            {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "5", "OMPI_COMM_WORLD_LOCAL_SIZE": "5"},
            (0, 5, 5),
        ),
        ({"PMI_RANK": "1", "PMI_SIZE": "8"}, (1, 8, 8)),
        (
            {"SLURM_PROCID": "20", "SLURM_STEP_NUM_TASKS": "40", "SLURM_STEP_TASKS_PER_NODE": "16(x2),8"},
            (20, 40, 16),
        ),
        # A batch script, outside of srun: SLURM_PROCID is 0 whatever a launcher of its own starts.
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "31"}, (None, None, 1)),
        ({"PMI_RANK": "", "PMI_SIZE": "x"}, (None, None, 1)),
    ],
)
def test_what_launchers_say(environment, expected):
    assert Launch.read(environment) == expected


def test_threads_that_the_user_chose_stay():
    environment = {}
    tune(environment)
    assert environment == {"OMP_NUM_THREADS": "1"}
    environment = {"OMP_NUM_THREADS": "8"}
    tune(environment)
    assert environment == {"OMP_NUM_THREADS": "8"}


@pytest.mark.parametrize(("cores", "crowded"), [(2, True), (4, True), (5, False)])
def test_a_node_is_crowded_where_ranks_outnumber_cores(monkeypatch, cores, crowded):
    monkeypatch.setattr("gsgm_mpi.program.launch.cores", lambda: cores)
    assert Launch(0, 31, 5).crowded is crowded


def test_the_command_line_becomes_text_and_a_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = read_command_line(["--lr", "0"], ALONE)
    assert (wrong.code, wrong.out, wrong.err.count("\n")) == (USAGE, "", 1)
    asked = read_command_line(["--help"], ALONE)
    assert (asked.code, asked.command, asked.err) == (FINISHED, None, "")
    assert "--partition" in asked.out
    shown = read_command_line(["--show-config"], ALONE)
    assert 'method = "gsgm"' in shown.out
    good = read_command_line([], Launch(0, 31, 31))
    assert good.command.resolved.config.method == "gsgm"
    assert "31 ranks" in good.out


def test_an_output_that_cannot_be_written_is_refused(tmp_path):
    there = tmp_path / "there.h5"
    check_output(there, force=False)
    there.write_text("mine")
    with pytest.raises(UserError, match=r"--force .* --output"):
        check_output(there, force=False)
    check_output(there, force=True)
    assert there.read_text() == "mine"
    with pytest.raises(UserError, match="--output must lie in a folder that exists"):
        check_output(tmp_path / "no" / "run.h5", force=False)
    with pytest.raises(UserError, match="not the folder"):
        check_output(tmp_path, force=True)
    with pytest.raises(UserError, match="device"):
        check_output(Path("/dev/null"), force=True)
    for unwritable in (Path("/proc/run.h5"), tmp_path / ("x" * 300)):
        with pytest.raises(UserError, match="--output must be a file that can be written"):
            check_output(unwritable, force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["there.h5"]


def test_a_failure_before_mpi_starts_ends_no_rank(monkeypatch):
    monkeypatch.setattr("gsgm_mpi.cli.parse", lambda *_: 1 / 0)
    parsed = read_command_line([], ALONE)
    assert parsed.code == FAILED
    assert "ZeroDivisionError" in parsed.err


def test_a_signal_waits_for_mpi_interrupts_the_preparation_once_and_stops_training():
    early = Interrupt()
    early._on_signal()
    with pytest.raises(KeyboardInterrupt):
        early.raise_from_now_on()
    early._on_signal()  # the way out is not disturbed by a second one
    interrupt = Interrupt()
    interrupt.raise_from_now_on()
    with pytest.raises(KeyboardInterrupt):
        interrupt._on_signal()
    interrupt._on_signal()
    training = Interrupt()
    training.raise_from_now_on()
    training.raises = False
    training._on_signal()
    assert training.requested
