"""``python -m gsgm_mpi.campaign FILE --list | --index i | --all | --status``."""

import sys

from gsgm_mpi.campaign.cli import main

if __name__ == "__main__":
    sys.exit(main())
