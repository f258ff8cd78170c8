"""Tests of gsgm_mpi.problems; a package, so that the files share data.py."""
