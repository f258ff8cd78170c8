"""Asynchronous distributed training on non-IID data over MPI: GSGM and its rivals under one roof."""

__version__ = "0.1.0"
