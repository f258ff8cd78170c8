"""Campaigns in this process."""

import signal

import pytest

from gsgm_mpi.campaign import conduct
from tests.campaign.pretended import FILE, Crew


@pytest.fixture(autouse=True)
def signals_as_they_were():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def without_pauses(monkeypatch):
    monkeypatch.setattr(conduct, "_POLL_S", 0)
    monkeypatch.setattr(conduct, "_LOOK_S", 0)


@pytest.fixture
def crew(monkeypatch, without_pauses):
    """In the place of processes: every run ends at once, as the test says."""
    crew = Crew()
    monkeypatch.setattr(conduct, "Crew", crew)
    return crew


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    return tmp_path_factory.mktemp("small-data")


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A campaign's file in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "two.toml"
    path.write_text(FILE)
    return path.name
