"""``mpiexec -n K+1 python -m gsgm_mpi``."""

import ctypes
import sys

from gsgm_mpi.program.launch import main as launch


def main() -> None:
    """Entry point of the module and of the console script."""
    code = launch()
    from mpi4py import MPI

    MPI.Finalize()
    sys.stdout.flush()
    sys.stderr.flush()
    # C's exit() instead of the interpreter's: taking torch apart costs a third of what importing it does, on every rank
    # (docs/performance.md). Not os._exit(): MPICH takes leave of its launcher in an exit handler, and a rank that skips
    # it is now and then reported as killed.
    ctypes.CDLL(None).exit(code)


if __name__ == "__main__":
    main()
