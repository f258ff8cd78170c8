"""The wall clock's date, in the one form that all printed lines have."""

from datetime import datetime


def date() -> str:
    """Local date and time to the second."""
    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
