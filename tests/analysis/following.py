"""What watch.py makes of a file."""

from _results import read
from _watch_measure import measure
from _watch_read import Followed

from tests.analysis.watched import NOW


def follow(path, now=NOW):
    """A file that was read once, and the clock it goes by, in a list."""
    clock = [now]
    followed = Followed(path, lambda: clock[0])
    followed.poll()
    return followed, clock


def measured(path):
    return measure(read(path, ("epochs", "updates", "learners")))
