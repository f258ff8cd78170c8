"""Server-side methods, one short file a paper. Pure: numpy and the standard library only."""

from gsgm_mpi.methods.base import About, Drop, Event, Method, Option, OptionSpec, Reply, Use
from gsgm_mpi.methods.gsgm import Gsgm

#: Every method by the name that ``--method`` takes.
METHODS: dict[str, type[Method]] = {method.name: method for method in (Gsgm,)}

__all__ = [
    "METHODS",
    "About",
    "Drop",
    "Event",
    "Gsgm",
    "Method",
    "Option",
    "OptionSpec",
    "Reply",
    "Use",
]
