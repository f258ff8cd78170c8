"""Settings that all tests share."""

from hypothesis import settings

# The same examples in every run: a failure here is a failure everywhere.
settings.register_profile("default", max_examples=100, deadline=None, derandomize=True)
settings.load_profile("default")
