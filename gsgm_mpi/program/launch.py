"""From the launcher to a run: what is known before MPI starts, who prints, and how all ranks end with one exit code.

Rank 0 reads the command line before MPI is even imported, so that its first line (or the user's mistake) shows at once
although other ranks may need half a minute to import torch. Everything heavy is imported inside :func:`main`, under the
handler that ends all ranks: a rank that dies on its own would leave the others hanging.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gsgm_mpi.program.stacks import Stacks
from gsgm_mpi.program.wall import complain, date

if TYPE_CHECKING:
    from mpi4py import MPI

FINISHED, FAILED, USAGE, STOPPED = 0, 1, 2, 85

#: The last is srun's; in a batch script, outside of srun, it is 0 for every rank, so it counts only within a step.
_RANK = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID")
_SIZE = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
_LOCAL_SIZE = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "SLURM_STEP_TASKS_PER_NODE")
_REMEDY = "call the mpiexec of the environment that python runs in (or srun --mpi=pmi2, or --mpi=pmix)"
#: How long the launcher is given to pass on what was printed.
_PASSING_ON_S = 0.5
#: Processor seconds to import torch once, measured (docs/performance.md).
_TORCH_IMPORT_S = 1.3


class Launch(NamedTuple):
    """What the launcher's environment says before MPI starts; None where it says nothing."""

    rank: int | None
    size: int | None
    local_size: int

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Launch:
        """Reads the environment of MPICH, Open MPI or srun."""

        def first(names: tuple[str, ...]) -> int | None:
            # srun writes "16(x2),8": 16 tasks on each of two nodes, 8 on a third.
            found = (re.match(r"\d+", environ.get(name, "")) for name in names)
            return next((int(match[0]) for match in found if match), None)

        size = first(_SIZE)
        in_step = "SLURM_STEP_NUM_TASKS" in environ
        rank = first(_RANK if in_step else _RANK[:-1])
        return cls(rank, size, first(_LOCAL_SIZE) or size or 1)

    @property
    def crowded(self) -> bool:
        """Ranks outnumber cores on this node."""
        return self.local_size > cores()


def cores() -> int:
    """Cores of this node that the job may use.

    A launcher that binds leaves each rank only a core or two of its own, which says nothing of the node.
    """
    if "SLURM_CPUS_ON_NODE" in os.environ:
        return int(os.environ["SLURM_CPUS_ON_NODE"])
    bound = "OMPI_COMM_WORLD_LOCAL_SIZE" in os.environ or not hasattr(os, "sched_getaffinity")
    return (os.cpu_count() or 1) if bound else len(os.sched_getaffinity(0))


def tune(environ: dict[str, str] | os._Environ[str]) -> None:
    """Settings that must be made before numpy is loaded; what the user has set stays."""
    # The vectors of one server do not repay a pool of threads in each of 31 ranks; --threads sets torch's.
    environ.setdefault("OMP_NUM_THREADS", "1")


class Interrupt:
    """What SIGINT, SIGTERM and SIGUSR1 do: rank 0 ends the run in good order; learners leave it to rank 0."""

    def __init__(self) -> None:
        #: A stop was asked for.
        self.requested = False
        #: Whether a signal raises KeyboardInterrupt: while the run is prepared. Before MPI has started, a rank that
        #: ends alone leaves the others hanging; while training, the server looks at ``requested`` in its own time.
        self.raises = False

    def install(self, *, leader: bool) -> None:
        """Takes over all three signals."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self._on_signal if leader else _ignore)

    def install_early(self, *, leader: bool) -> None:
        """Before MPI has started: a learner can still be ended, if not from the keyboard, which tells rank 0 too."""
        self.install(leader=leader)
        if not leader:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def raise_from_now_on(self) -> None:
        """MPI has started."""
        if self.requested:
            raise KeyboardInterrupt
        self.raises = True

    def _on_signal(self, *_: object) -> None:
        self.requested = True
        if self.raises:
            self.raises = False  # a second signal must not disturb the way out
            raise KeyboardInterrupt


def _ignore(*_: object) -> None:
    """Learners go on: rank 0 tells them when to stop. Not SIG_IGN, which child processes would inherit."""


class Parsed(NamedTuple):
    """The command line as rank 0 read it: what it asks for, or an exit code; and what to print."""

    command: Any
    code: int
    out: str
    err: str


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program on this rank; returns the exit code that all ranks share."""
    argv = list(sys.argv[1:] if argv is None else argv)
    launch = Launch.read(os.environ)
    tune(os.environ)
    interrupt = Interrupt()
    stacks = Stacks("rank 0" if launch.rank is None else f"rank {launch.rank}")
    stacks.install()
    leader = launch.rank in (0, None)
    interrupt.install_early(leader=leader)
    parsed = read_command_line(argv, launch) if leader else None
    if launch.rank == 0:
        _print(parsed)
    import mpi4py

    mpi4py.rc.initialize = False
    from mpi4py import MPI  # before torch, and after the settings above

    hint = _pmix_hint(os.environ, _library(MPI))
    if hint and launch.rank == 0:
        complain(hint)
    # mpi4py warns, on every rank, of a launcher of another library; _wrong_launcher says it once and with the remedy.
    warnings.filterwarnings("ignore", "suspicious MPI execution environment", RuntimeWarning)
    MPI.Init_thread(MPI.THREAD_FUNNELED)  # one thread calls MPI; evaluation, in another, does not
    comm = MPI.COMM_WORLD
    stacks.name = f"rank {comm.Get_rank()}"
    try:
        if comm.Get_rank() == 0:
            interrupt.raise_from_now_on()
        else:
            interrupt.install(leader=False)
        if launch.rank is None and comm.Get_rank() == 0:
            _print(parsed)
        return _together(comm, parsed, launch, interrupt, argv)
    except KeyboardInterrupt:
        complain("stopped before training began; nothing was written")
        time.sleep(_PASSING_ON_S)
        comm.Abort(STOPPED)
        os._exit(STOPPED)
    except BaseException as error:
        _end_all(comm, error)
    return FAILED


def read_command_line(argv: Sequence[str], launch: Launch) -> Parsed:
    """Parses on rank 0; a mistake becomes text and an exit code, so that it can be printed once."""
    import contextlib
    import io
    from pathlib import Path

    from gsgm_mpi.cli import parse
    from gsgm_mpi.errors import UserError
    from gsgm_mpi.program.output import check_output

    help_text = io.StringIO()
    try:
        with contextlib.redirect_stdout(help_text):
            command = parse(argv, _recorded_config)
        config = command.resolved.config
        if command.writes and not command.only_show:
            check_output(Path(config.output), force=config.force or config.resume)
    except UserError as error:
        return Parsed(None, USAGE, "", f"gsgm_mpi: {error}\n")
    except SystemExit:
        return Parsed(None, FINISHED, help_text.getvalue(), "")
    except Exception:
        # MPI has not started: a rank that ended here would leave the others hanging.
        return Parsed(None, FAILED, "", f"gsgm_mpi: rank 0 failed:\n{traceback.format_exc()}")
    if command.only_show:
        return Parsed(None, FINISHED, config.to_toml(), "")
    return Parsed(command, FINISHED, _first_lines(command, launch), "")


def _recorded_config(path: str, option: str) -> dict[str, Any]:
    import json
    from pathlib import Path

    from gsgm_mpi.results.reader import read_provenance

    found: dict[str, Any] = json.loads(read_provenance(Path(path), option)["config"])
    return found


def _first_lines(command: Any, launch: Launch) -> str:
    from gsgm_mpi import __version__

    resolved, size = command.resolved, launch.size or 1
    config = resolved.config
    what = f"replay of {command.replay}: " if command.replay else ""
    ranks = f"{size} rank{'s' if size > 1 else ''}"
    text = f"gsgm_mpi {__version__}: {what}{config.label}, {config.algo}, {ranks}"
    wait = _TORCH_IMPORT_S * launch.local_size / cores()
    if wait > 3:
        text += f"; importing torch on {launch.local_size} ranks and {cores()} cores takes about {wait:.0f} s"
    return "".join(f"{date()}  {line}\n" for line in (text, *resolved.notes))


def _together(
    comm: MPI.Intracomm,
    parsed: Parsed | None,
    launch: Launch,
    interrupt: Interrupt,
    argv: list[str],
) -> int:
    """The part that all ranks go through side by side."""
    from gsgm_mpi.engines.failures import broadcast
    from gsgm_mpi.errors import UserError

    rank, size = comm.Get_rank(), comm.Get_size()
    if size == 1 and (launch.size or 1) > 1:
        if launch.rank in (0, None):
            from mpi4py import MPI

            complain(_wrong_launcher(_library(MPI), launch.size or 1))
        return USAGE
    start: Any = None
    code = FINISHED
    if rank == 0:
        assert parsed is not None
        code = parsed.code
        if parsed.command is not None:
            from gsgm_mpi.program.start import begin

            try:
                start = begin(parsed.command, size, argv)
            except UserError as error:
                complain(str(error))
                code = USAGE
    mode = start.mode if start else None
    code, config, mode = broadcast(comm, (code, start.parts.config if start else None, mode))
    if config is None:
        return int(code)
    from gsgm_mpi.program.run import train

    return train(comm, config, mode, start, interrupt, crowded=launch.crowded)


def _library(MPI: Any) -> str:
    """Name and version of the MPI library in use; may be asked before MPI has started."""
    return " ".join(MPI.Get_library_version().splitlines()[0].strip("\0").split())


def _pmix_hint(environ: Mapping[str, str], library: str) -> str:
    """What to tell before an MPICH without PMIx ends the process with a message of its own."""
    if "PMIX_RANK" in environ and "PMI_RANK" not in environ and "MPICH" in library:
        return f"note: the launcher speaks PMIx (Open MPI's mpiexec?) to {library}; if that fails, {_REMEDY}"
    return ""


def _wrong_launcher(library: str, expected: int) -> str:
    return (
        f"mpiexec must belong to the MPI library in use ({library}): it started {expected} processes, "
        f"but each is alone; {_REMEDY}"
    )


def _end_all(comm: MPI.Intracomm, error: BaseException) -> None:
    """One traceback, and all ranks stop with exit code 1."""
    from gsgm_mpi.engines.failures import RemoteError, report_failure

    host = socket.gethostname()
    text = f"gsgm_mpi: rank {comm.Get_rank()} on {host} failed:\n{''.join(traceback.format_exception(error))}"
    if isinstance(error, RemoteError):
        text = str(error)
    if comm.Get_rank() == 0 or not report_failure(comm, text):
        sys.stderr.write(text)
        sys.stderr.flush()
        # An abort makes MPICH's launcher drop what it has not yet passed on: the traceback was lost 2 times in 12.
        time.sleep(_PASSING_ON_S)
        comm.Abort(FAILED)
        # MPICH's Abort was seen to return on a busy machine; to take leave properly would fail with another traceback.
        os._exit(FAILED)


def _print(parsed: Parsed | None) -> None:
    assert parsed is not None
    sys.stdout.write(parsed.out)
    sys.stderr.write(parsed.err)
    sys.stdout.flush()
    sys.stderr.flush()
