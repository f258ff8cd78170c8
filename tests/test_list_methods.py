"""``--list-methods``."""

import re

from gsgm_mpi.methods import METHODS
from gsgm_mpi.program.launch import FINISHED, Launch, read_command_line


def printed():
    asked = read_command_line(["--list-methods"], Launch(None, None, 1))
    assert (asked.code, asked.command, asked.err) == (FINISHED, None, "")
    return asked.out


def test_a_line_for_each_method_in_the_catalog_s_order():
    legend, table = printed().split("\n\n")
    assert [line.split(":")[0] for line in legend.splitlines()] == ["wire", "server"]
    head, *lines = table.splitlines()
    columns = ("method", "what it does", "paper", "wire", "server", "reduces to")
    assert tuple(re.split(r" {2,}", head)) == columns
    expected = [(m.name, m.line, m.paper, m.wire, m.memory, m.reduces_to) for m in METHODS.values()]
    assert [tuple(re.split(r" {2,}", line)) for line in lines] == expected
    assert all(all(row) for row in expected), "no method leaves a column out"


def test_columns_begin_where_their_head_does():
    head, *lines = printed().split("\n\n")[1].splitlines()
    for name, method in METHODS.items():
        line = next(line for line in lines if line.split()[0] == name)
        assert line[head.index("what it does") :].startswith(method.line)
        assert line[head.index("reduces to") :] == method.reduces_to


def test_it_wins_over_whatever_else_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = read_command_line(["--method", "downpour", "--list-methods", "--epochs", "3"], Launch(None, None, 1))
    assert (asked.code, asked.out) == (FINISHED, printed())
    assert not list(tmp_path.iterdir())
