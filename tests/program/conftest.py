"""Runs in this process."""

import pytest

from tests.program.in_process import Program


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    return tmp_path_factory.mktemp("small-data")


@pytest.fixture
def program(tmp_path, small_data):
    return Program(tmp_path, small_data)
