"""``mpiexec -n K+1 python -m gsgm_mpi``."""

import sys

from gsgm_mpi.program.launch import main as launch


def main() -> None:
    """Entry point of the module and of the console script."""
    sys.exit(launch())


if __name__ == "__main__":
    main()
