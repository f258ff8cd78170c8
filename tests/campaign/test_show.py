"""What a person sees of a campaign that goes on."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import rich.progress
from rich.console import Console

from gsgm_mpi.campaign.cli import main
from gsgm_mpi.campaign.conduct import Show
from gsgm_mpi.campaign.show import Lines
from tests.campaign.pretended import GRID, NAMES, Shown, folder_of, undated

ROOT = Path(__file__).parents[2]


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal so many columns wide would have been sent."""

    # On a dumb terminal, which tests may run on, nothing is drawn twice.
    monkeypatch.setenv("TERM", "xterm")
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def make(width):
        screen = io.StringIO()
        console = Console(file=screen, force_terminal=True, width=width, height=20, legacy_windows=False)
        monkeypatch.setattr(rich.progress, "get_console", lambda: console)
        return screen

    return make


def plain(screen):
    """Lines without control sequences; a bar that was drawn again is another line."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def test_on_a_terminal_a_bar_lies_below_the_lines(file, crew, terminal, monkeypatch):
    screen = terminal(100)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main([file, "--all", "--jobs", "1"]) == 0
    lines = plain(screen)
    for i, name in enumerate(NAMES, 1):
        assert sum(f"[{i}/4] {name} finished with accuracy 0.5000, 1 s" in line for line in lines) == 1
    bars = [line for line in lines if "━" in line]
    assert "0 %" in bars[0]
    assert "100 %" in bars[-1]
    assert "[4/4]" in bars[-1]


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_narrow_terminal_keeps_the_bar_on_one_line_and_lines_whole(tmp_path, terminal, width):
    screen = terminal(width)
    folder = folder_of(tmp_path, {"x": {"a" * 90: {}, "b" * 90: {}}})
    with Lines(folder, bar=True) as lines:
        lines.progress(1, list(folder.jobs))
        lines.failed(folder.jobs[0], "[bold]why[/bold] " + "w" * 60)
        lines.progress(3, [folder.jobs[1]])
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    drawn = re.split(r"[\r\n]+", text)
    assert any("━" in line for line in drawn)
    assert all(len(line) <= width for line in drawn if "━" in line)
    # A line is left to the terminal to wrap, and what looks like markup is text.
    assert any(f"{'a' * 90} failed: [bold]why[/bold] {'w' * 60}" in line for line in drawn)


def test_names_on_the_bar_are_no_markup(tmp_path, terminal):
    screen = terminal(100)
    with Lines(folder_of(tmp_path, GRID), bar=True) as lines:
        lines.had_ended()
        lines.progress(2, list(lines_jobs(tmp_path))[:3])
    bars = [line for line in plain(screen) if "━" in line]
    assert "25 %" in bars[-1]
    assert bars[-1].endswith("[1/4] gsgm-seed1, downpour-seed1")


def lines_jobs(path):
    return folder_of(path, GRID).jobs


def test_without_a_terminal_there_is_no_bar(tmp_path, capsys):
    folder = folder_of(tmp_path, GRID)
    with Lines(folder, bar=False) as lines:
        lines.progress(1, list(folder.jobs))
        lines.elsewhere(folder.jobs[0])
    assert undated(capsys.readouterr().out.splitlines()) == [
        "gsgm-seed1 is being written by another process; it is waited for"
    ]


def test_rich_is_imported_for_a_terminal_alone():
    check = (
        "import sys; sys.argv = ['']; import gsgm_mpi.campaign.cli as c;"
        "assert not {'rich', 'torch', 'mpi4py'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", check], env=environment, timeout=60, check=True)


def test_all_who_are_told_are_told_the_same():
    told = {name for name in vars(Show) if not name.startswith("_")}
    assert len(told) == 6
    assert told <= set(vars(Lines)) & set(vars(Shown))
