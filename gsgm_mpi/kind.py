"""What an event of a run is: the codes of ``/trace/event``."""

from enum import IntEnum


class Kind(IntEnum):
    """Part of every recorded run: never renumber, only append."""

    MESSAGE = 0
    LEAVE = 1
    JOIN = 2
    STOP = 3
    FULL_GRADIENT = 4
