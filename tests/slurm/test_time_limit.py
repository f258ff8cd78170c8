"""A run longer than its job may be, with nobody's help: SLURM itself warns it."""

import pytest

from tests.slurm.test_signals import check_complete

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]


def test_it_finishes_in_several_turns(long_run):
    long_run.wait(timeout=500)
    assert long_run.restarts >= 1
    assert long_run.text().count("back into the queue, to go on from") == long_run.restarts
    check_complete(long_run, epochs=110)
