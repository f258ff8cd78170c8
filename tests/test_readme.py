"""The README's table of options is the program's."""

import re
from pathlib import Path

from gsgm_mpi.config import general_specs
from gsgm_mpi.methods import METHODS

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_every_option_is_in_the_table_with_its_default():
    rows = dict(re.findall(r"^\| `(--[a-z-]+)[^|]*\| *([^|]*?) *\|", README, re.MULTILINE))
    own = {spec.flag: spec.default for method in METHODS.values() for spec in method.options()}
    general = {"--" + name.replace("_", "-"): default for name, (_, default, _) in general_specs().items()}
    expected = {
        flag: "" if default is None or default is False or default == "" else f"`{default}`"
        for flag, default in (general | own).items()
    }
    assert {flag: text for flag, text in rows.items() if flag in expected} == expected
    assert set(rows) - set(expected) == {"--preset", "--config", "--show-config"}
