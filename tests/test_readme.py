"""The tables of the README and of docs/methods.md are the program's."""

import re
from pathlib import Path

import pytest

from gsgm_mpi.config import general_specs
from gsgm_mpi.errors import UserError
from gsgm_mpi.methods import GATES, METHODS, compose
from gsgm_mpi.methods.aliases import expand
from gsgm_mpi.options import options_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCS = (ROOT / "docs" / "methods.md").read_text()


def section(text, title):
    """What stands under a heading, up to the next of the same or a higher level."""
    level = title.split()[0]
    found = re.search(rf"^{re.escape(title)}$(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title!r}"
    return found[1]


def shown(default):
    return "" if default is None or default is False or default == "" else f"`{default}`"


def with_local_momentum(name):
    """The options that local momentum adds to a method; None where it is refused."""
    try:
        method = compose(name, None, local_momentum=True)
    except UserError:
        return None
    own = {spec.name for spec in METHODS[name].options()}
    return [spec for spec in method.options() if spec.name not in own]


def test_every_general_option_is_in_the_readme_with_its_default():
    rows = dict(re.findall(r"^\| `(--[a-z-]+)[^|]*\| *([^|]*?) *\|", section(README, "## Options"), re.MULTILINE))
    general = {"--" + name.replace("_", "-"): shown(default) for name, (_, default, _) in general_specs().items()}
    assert rows == general | dict.fromkeys(
        ["--preset", "--config", "--show-config", "--list-methods", "--replay", "--until"], ""
    )


def test_every_option_of_a_method_is_in_its_table():
    """Each row: a flag, whose it is, its default there."""
    expected = {(name, spec.flag, shown(spec.default)) for name, m in METHODS.items() for spec in m.options()}
    expected |= {(f"--gate {name}", s.flag, shown(s.default)) for name, gate in GATES.items() for s in options_of(gate)}
    for name in METHODS:
        expected |= {("--local-momentum", spec.flag, shown(spec.default)) for spec in with_local_momentum(name) or []}
    rows = re.findall(r"^\| `(--[a-z-]+)[^|]*\| *([^|]*?) *\| *([^|]*?) *\|", section(DOCS, "## Options"), re.MULTILINE)
    listed = [(owner, flag, default) for flag, whose, default in rows for owner in re.findall(r"`([^`]+)`", whose)]
    assert len(listed) == len(set(listed))
    assert set(listed) == expected


def test_every_method_has_one_row():
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|", section(DOCS, "## Table"), re.MULTILINE)
    assert rows == list(METHODS), "in the catalog's order"


def first_column(text, reason):
    """The methods in the first column of the rows that give this reason."""
    cells = re.findall(rf"^\| (`[^|]+) \| {reason}", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_what_is_said_to_be_refused_is():
    gates, rest = section(DOCS, "## Factors").split("**`--local-momentum`**")
    listed = first_column(gates, "they (?:are|decide)")
    for name in METHODS:
        if name in listed:
            with pytest.raises(UserError, match="--gate"):
                compose(name, "barrier", local_momentum=False)
        else:
            compose(name, "barrier", local_momentum=False)
    listed = first_column(rest, "(?:momentum|the learners)")
    assert listed == {name for name in METHODS if with_local_momentum(name) is None}
    cells = re.findall(r"^\| `(--(?:algo|weighting|budget) [a-z-]+)` \| ([^|]*) \|", rest, re.MULTILINE)
    assert {option: set(re.findall(r"`([^`]+)`", cell)) for option, cell in cells} == {
        "--algo svrg": {name for name, m in METHODS.items() if not m.variance_reduced},
        "--weighting samples": {name for name, m in METHODS.items() if m.weighted == "none"},
        "--budget per-learner": {name for name, m in METHODS.items() if m.collective},
    }


def test_short_names_mean_what_their_table_says():
    rows = re.findall(r"^\| (`[^|]+) \| (`[^|]+) \|$", section(DOCS, "## The papers' short names"), re.MULTILINE)
    assert len(rows) == 7
    for names, meaning in rows:
        method = re.search(r"`([a-z0-9-]+)", meaning)[1]
        for name in re.findall(r"`([A-Za-z-]+)`", names):
            number = {"staleness": 3} if name.endswith("-S") else {}
            algo = {"algo": "svrg"} if "--algo svrg" in meaning else {}
            assert expand(name.replace("-S", "-3")) == (method, algo | number), name
            lm = expand(name.replace("-S", "-3").upper() + "-LM")
            assert lm == (method, algo | number | {"local_momentum": True})
