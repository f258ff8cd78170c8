"""Many runs from one file: ``python -m gsgm_mpi.campaign FILE``."""
