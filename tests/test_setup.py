"""What "make" would do, and the decisions of tools/setup.py. Nothing is installed here."""

import ast
import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tools" / "setup.py"

spec = importlib.util.spec_from_file_location("project_setup", SCRIPT)
setup = importlib.util.module_from_spec(spec)
spec.loader.exec_module(setup)


def make(*arguments, folder=ROOT):
    # Under make, what was given to it would reach the make that is tested.
    inherited = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    environ = {name: value for name, value in os.environ.items() if name not in inherited}
    return subprocess.run(["make", *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=30)


def planned(*arguments):
    """The commands that make would run, in a new environment."""
    return make("-n", f"PYTHON={sys.executable}", *arguments).stdout.splitlines()


def test_run_sets_up_trains_and_draws():
    steps = planned("run", "VENV=build/none")
    activate = '. "build/none/bin/activate" && '
    assert steps[:4] == [
        f'{sys.executable} tools/setup.py --venv "build/none" --mpi "mpich"',
        "mkdir -p results",
        activate + "mpiexec -n 5 python -m gsgm_mpi --output results/run.h5 --force",
        activate + "python analysis/stability.py results/run.h5 --plot results/run.png",
    ]


@pytest.mark.parametrize(("target", "marker"), [("test-slow", "slow"), ("test-slurm", "slurm")])
def test_each_environment_of_the_long_tests_has_one_mpi(target, marker):
    for mpi, other in [("mpich", "openmpi"), ("openmpi", "mpich")]:
        steps = planned(target, "VENV=build/none", f"MPI={mpi}")
        ours = [step for step in steps if "tools/setup.py" in step]
        assert f'--venv "build/none" --mpi "{mpi}"' in ours[0]
        # Already set up here: make has nothing to do for it.
        assert all(f'--venv ".venv-{other}" --mpi "{other}"' in step for step in ours[1:])
        assert f'GSGM_OTHER_MPIEXEC="{ROOT}/.venv-{other}/bin/mpiexec" python -m pytest -m {marker}' in steps[-1]


def test_clean_keeps_results_and_environments():
    assert not any(word in step for step in planned("clean") for word in ("results", ".venv", "git"))


@pytest.fixture
def project(tmp_path):
    """A copy of the Makefile, and an environment that was set up with Open MPI."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "tools/setup.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".setup-openmpi").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "touched", "mpi"),
    [
        ([], None, None),
        ([], "pyproject.toml", "openmpi"),
        ([], "constraints.txt", "openmpi"),
        (["MPI=openmpi"], None, None),
        (["MPI=mpich"], None, "mpich"),
        (["VENV=.venv-2"], None, "mpich"),
    ],
)
def test_set_up_anew_only_where_something_changed(project, arguments, touched, mpi):
    if touched:
        later = (project / ".venv" / ".setup-openmpi").stat().st_mtime + 10
        os.utime(project / touched, (later, later))
    steps = make("-n", "setup", *arguments, folder=project).stdout
    assert ("tools/setup.py" in steps) == bool(mpi)
    assert not mpi or f'--mpi "{mpi}"' in steps


OLD_PYTHON = f"""\
#!{sys.executable}
import runpy, sys
sys.argv.pop(0)
sys.version_info = (3, 9, 2, "final", 0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_an_old_python_is_told_in_one_line(project):
    python = project / "old-python"
    python.write_text(OLD_PYTHON)
    python.chmod(0o755)
    finished = make("setup", f"PYTHON={python}", "VENV=new", folder=project)
    assert finished.returncode == 2
    message = finished.stderr.splitlines()[0]
    assert message.startswith("setup: Python 3.11 or newer is needed, this is 3.9;")
    assert "make setup PYTHON=" in message
    assert not (project / "new").exists()


def test_the_message_reaches_old_pythons():
    ast.parse(SCRIPT.read_text(), feature_version=(3, 8))


@pytest.mark.parametrize(
    ("version", "modules", "words"),
    [
        ((3, 10), ["venv", "ensurepip"], "PYTHON="),
        ((3, 12), ["venv"], "python3-venv"),
        ((3, 11), [], "environment.yml"),
    ],
)
def test_what_is_wrong_with_a_python(version, modules, words):
    assert words in setup.python_problem(version, modules)


def test_a_good_python():
    assert setup.python_problem((3, 11), ["ensurepip", "venv"]) is None


@pytest.mark.parametrize(
    ("choice", "installed", "expected"),
    [
        ("mpich", [], []),
        ("mpich", ["mpich"], []),
        ("openmpi", ["mpich"], ["mpich"]),
        ("mpich", ["mpich", "openmpi"], ["mpich", "openmpi"]),
        ("site", ["openmpi"], ["openmpi"]),
    ],
)
def test_never_two_mpis_in_one_environment(choice, installed, expected):
    assert setup.to_uninstall(choice, installed) == expected


def test_open_mpi_is_configured_once_and_taken_back(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "etc").mkdir()
    activate, conf = tmp_path / "bin" / "activate", tmp_path / setup.PRTE_CONF
    activate.write_text("PATH=here\n")
    conf.write_text("# comment\n")
    environment = setup.Environment(tmp_path)
    for _ in range(2):
        environment.configure("openmpi")
        assert activate.read_text().count("OMPI_ALLOW_RUN_AS_ROOT=1") == 1
        assert conf.read_text() == f"# comment\n{setup.OVERSUBSCRIBE}\n"
    environment.configure("mpich")
    assert activate.read_text() == "PATH=here\n"


def test_no_folder_but_an_environment_is_cleared(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(setup.SetupError, match="VENV="):
        setup.Environment(tmp_path).make()
    assert (tmp_path / "thesis.tex").exists()


def test_site_needs_a_launcher(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(setup.SetupError, match="mpiexec on PATH"):
        setup.Environment(tmp_path).check("site")


def test_constraints_pin_every_dependency_for_any_build():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [r for extra in project["optional-dependencies"].values() for r in extra]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all("==" in line and "+" not in line for line in lines)
    pinned = {line.split("==")[0].replace("_", "-").lower() for line in lines}
    assert {requirement.split(">=")[0] for requirement in wanted} <= pinned
