"""What compare.py prints, taken apart."""

import json

import compare


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def document(capsys, *arguments):
    assert compare.main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def methods(capsys, *arguments):
    (setting,) = document(capsys, *arguments)["settings"]
    return {row["method"]: row for row in setting["methods"]}


def cells(capsys, *arguments):
    """What stands in each table behind a method's name: at equal cost, to the target, convergence."""
    assert compare.main([*map(str, arguments)]) == 0
    rows = [line.split() for line in lines(capsys) if line.startswith(("GSGM ", "DSGD "))]
    return [(row[0], row[1:]) for row in rows]
