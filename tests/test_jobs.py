"""The job scripts, run for real but for the launcher, which writes down how it was called."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
JOBS = ROOT / "jobs"
SCRIPTS = ["single-node.slurm", "multi-node.slurm", "site-mpi.slurm", "array.slurm", "requeue.slurm"]
HELPERS = ["_environment.sh", "_requeue.sh", "_stacks.sh"]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

RECORDER = """\
#!/bin/bash
{ pwd; command -v python; printf '%s\\n' "${0##*/}" "$@"; } >"$RECORD/call"
env >"$RECORD/environment"
exit "${RANKS_EXIT:-0}"
"""

# As the real one, it defines a shell function that trips over "set -u".
CONDA = """\
#!/bin/bash
[[ "$*" == "shell.bash hook" ]] || exit 9
echo 'conda() { : "$NOT_SET_ANYWHERE"; [[ $1 == activate ]] && PATH="'"$RECORD"'/$2/bin:$PATH"; }'
"""


def executable(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(content)
    path.chmod(0o755)


class Cluster:
    """A repository with a real virtual environment, and a spool folder, as a node sees them."""

    def __init__(self, tmp_path):
        self.root = tmp_path / "home" / "gsgm mpi"
        self.spool = tmp_path / "spool"
        self.record = tmp_path / "record"
        for folder in (self.root, self.spool, self.record):
            folder.mkdir(parents=True)
        shutil.copytree(JOBS, self.root / "jobs")

    def add_venv(self):
        venv.create(self.root / ".venv", symlinks=True)
        for name in ("python", "mpiexec"):
            executable(self.root / ".venv" / "bin" / name, RECORDER)
        executable(self.record / "bin" / "srun", RECORDER)

    def run(self, script, *arguments, **environment):
        """Does what slurmd does: a copy of the script, in another folder, with variables set.

        A keyword sets one more variable, or with None takes one away.
        """
        copy = shutil.copy(self.root / "jobs" / script, self.spool / "slurm_script")
        slurm = {
            "SLURM_SUBMIT_DIR": str(self.root),
            "SLURM_JOB_NAME": "gsgm",
            "SLURM_JOB_ID": "4711",
            "SLURM_NTASKS": "31",
            "SLURM_CPUS_PER_TASK": "1",
            "SLURM_ARRAY_TASK_ID": "3",
            "RECORD": str(self.record),
        }
        variables = {"PATH": f"{self.record}/bin:{os.defpath}", **slurm, **environment}
        return subprocess.run(
            ["bash", copy, *arguments],
            cwd=self.spool,
            env={name: value for name, value in variables.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def call(self):
        """Folder, interpreter and command line of the launcher."""
        folder, python, *command = (self.record / "call").read_text().splitlines()
        return folder, python, command

    def environment(self):
        lines = (self.record / "environment").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.fixture
def cluster(tmp_path):
    return Cluster(tmp_path)


@pytest.mark.parametrize("path", sorted(JOBS.glob("*.s*")), ids=lambda path: path.name)
def test_the_shell_accepts_it(path):
    subprocess.run(["bash", "-n", path], check=True)


def test_shellcheck_has_nothing_to_say():
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shellcheck = shutil.which("shellcheck", path=folders)
    assert shellcheck, "shellcheck is in the extra 'test'"
    scripts = [f"jobs/{name}" for name in (*SCRIPTS, "campaign.slurm", *HELPERS)]
    finished = subprocess.run([shellcheck, "-x", *scripts], cwd=ROOT, capture_output=True, text=True)
    assert (finished.returncode, finished.stdout) == (0, "")


@pytest.mark.parametrize(
    ("script", "nodes", "more"),
    [
        ("single-node.slurm", "1", {}),
        ("multi-node.slurm", "2", {}),
        ("site-mpi.slurm", "2", {}),
        ("array.slurm", "1", {"array": "1-5"}),
        ("requeue.slurm", "1", {"requeue": "", "open-mode": "append"}),
        ("campaign.slurm", "1", {"ntasks": "1", "array": "0-23", "requeue": "", "open-mode": "append"}),
    ],
)
def test_what_is_asked_of_slurm(script, nodes, more):
    lines = (JOBS / script).read_text().splitlines()
    asked = dict(line[len("#SBATCH --") :].partition("=")[::2] for line in lines if line.startswith("#SBATCH"))
    expected = {"nodes": nodes, "ntasks": "31", "cpus-per-task": "1", "signal": "B:USR1@120", **more}
    assert {name: asked.get(name) for name in expected} == expected
    assert {"account", "partition", "time", "job-name", "output"} <= asked.keys()
    # slurmd does not create folders: a log in one that is missing loses the job without a word.
    assert "/" not in asked["output"]


@pytest.mark.parametrize(
    ("script", "own"),
    [
        ("single-node.slurm", ["--output", "results/gsgm-4711.h5"]),
        ("multi-node.slurm", ["--output", "results/gsgm-4711.h5"]),
        ("array.slurm", ["--seed", "3", "--output", "results/gsgm-3.h5"]),
        ("requeue.slurm", ["--checkpoint-every", "5", "--output", "results/gsgm-4711.h5", "--resume"]),
    ],
)
def test_the_command_line(cluster, script, own):
    cluster.add_venv()
    finished = cluster.run(script, "--preset", "paper-convnet", "--data-dir", "my data")
    assert (finished.returncode, finished.stderr) == (0, "")
    folder, python, command = cluster.call()
    assert folder == str(cluster.root)
    assert python == str(cluster.root / ".venv" / "bin" / "python")
    assert command == [
        *("mpiexec", "-n", "31", "python", "-m", "gsgm_mpi", "--algo", "svrg", "--threads", "1"),
        *own,
        *("--preset", "paper-convnet", "--data-dir", "my data"),
    ]
    assert (cluster.root / "results").is_dir()


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("code", [0, 1, 2, 85])
def test_the_job_ends_with_the_exit_code_of_the_ranks(cluster, script, code):
    cluster.add_venv()
    assert cluster.run(script, RANKS_EXIT=str(code)).returncode == code


def test_threads_follow_the_cpus_of_a_task(cluster):
    cluster.add_venv()
    # What the login shell had set is not what the job asked for.
    cluster.run(SCRIPTS[0], SLURM_CPUS_PER_TASK="4", OMP_NUM_THREADS="64", SRUN_CPUS_PER_TASK="1")
    environment = cluster.environment()
    assert [environment[name] for name in THREADS] == ["4"] * 3
    assert "SRUN_CPUS_PER_TASK" not in environment
    command = cluster.call()[2]
    assert command[command.index("--threads") + 1] == "4"


def test_one_thread_where_the_cpus_of_a_task_are_not_set(cluster):
    cluster.add_venv()
    assert cluster.run(SCRIPTS[0], SLURM_CPUS_PER_TASK=None).returncode == 0
    assert [cluster.environment()[name] for name in THREADS] == ["1"] * 3


def test_srun_as_launcher(cluster):
    cluster.add_venv()
    finished = cluster.run("multi-node.slurm", MPIEXEC="srun --mpi=pmix", SLURM_CPUS_PER_TASK="2")
    assert finished.returncode == 0
    command = cluster.call()[2]
    assert command[:6] == ["srun", "--mpi=pmix", "-n", "31", "--cpu-bind=cores", "python"]
    assert cluster.environment()["SRUN_CPUS_PER_TASK"] == "2"


def test_a_site_mpi_and_a_binding(cluster):
    cluster.add_venv()
    site = cluster.record / "site" / "mpirun"
    executable(site, RECORDER)
    cluster.run("single-node.slurm", MPIEXEC=str(site), GSGM_BIND="-bind-to core")
    assert cluster.call()[2][:6] == ["mpirun", "-n", "31", "-bind-to", "core", "python"]


def test_a_conda_environment(cluster):
    executable(cluster.record / "bin" / "conda", CONDA)
    for name in ("python", "mpiexec"):
        executable(cluster.record / "gsgm" / "bin" / name, RECORDER)
    finished = cluster.run("single-node.slurm", GSGM_CONDA_ENV="gsgm")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert cluster.call()[1] == str(cluster.record / "gsgm" / "bin" / "python")


def test_without_an_environment_it_says_what_to_do(cluster):
    finished = cluster.run("single-node.slurm")
    assert finished.returncode == 1
    assert "submit from the repository root, or set GSGM_CONDA_ENV" in finished.stderr


def test_submitted_from_another_folder_it_fails_and_names_the_file(cluster):
    finished = cluster.run("single-node.slurm", SLURM_SUBMIT_DIR=str(cluster.spool))
    assert finished.returncode == 1
    assert "jobs/_environment.sh: No such file or directory" in finished.stderr


def test_a_site_mpi_is_started_by_srun_after_its_modules(cluster):
    cluster.add_venv()
    # As the real one, a shell function that trips over "set -u"; sites export it to batch scripts.
    module = {"BASH_FUNC_module%%": '() { : "$NOT_SET_ANYWHERE"; echo "$@" >>"$RECORD/modules"; }'}
    finished = cluster.run("site-mpi.slurm", GSGM_MODULES="gcc/13 openmpi/5", **module)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert (cluster.record / "modules").read_text() == "load gcc/13 openmpi/5\n"
    assert cluster.call()[2][:5] == ["srun", "--mpi=pmix", "-n", "31", "--cpu-bind=cores"]


# A launcher that is warned of the time limit: leaves a checkpoint, if asked to, and ends as a saved run does. Of two
# signals within microseconds bash itself loses one.
WARNED = """\
#!/bin/bash
trap 'asked=yes' USR1
for signal in $SIGNALS; do kill -"$signal" "$PPID"; sleep 0.3; done
for _ in {1..100}; do
    sleep 0.1
    [[ -n ${asked-} ]] || continue
    [[ -z ${SAVES-} ]] || touch "$SAVES.checkpoint-000000200.npz"
    exit 85
done
"""
# Puts nothing into a queue, but says what it was asked.
SCONTROL = """\
#!/bin/bash
echo "$@" >>"$RECORD/scontrol"
exit "${SCONTROL_EXIT:-0}"
"""


@pytest.fixture
def warned(cluster):
    """Runs requeue.slurm, whose job gets signals; returns how it ended, and what was asked of scontrol."""
    cluster.add_venv()
    executable(cluster.root / ".venv" / "bin" / "mpiexec", WARNED)
    executable(cluster.record / "bin" / "scontrol", SCONTROL)
    (cluster.root / "results").mkdir()
    (cluster.root / "results" / "gsgm-4711.h5.checkpoint-000000100.npz").touch()

    def run(signals, *arguments, **environment):
        finished = cluster.run("requeue.slurm", *arguments, SIGNALS=signals, **environment)
        asked = cluster.record / "scontrol"
        return finished, asked.read_text() if asked.exists() else ""

    return run


@pytest.mark.parametrize(
    ("arguments", "results"),
    [
        ((), "results/gsgm-4711.h5"),
        (("--output", "results/my own.h5"), "results/my own.h5"),
        (("--output", "results/first.h5", "--output=results/own.h5", "--lr", "1"), "results/own.h5"),
    ],
)
def test_a_run_whose_time_is_up_goes_back_into_the_queue(warned, arguments, results):
    finished, asked = warned("USR1", *arguments, SAVES=results)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert asked == "requeue 4711\n"
    assert f"to go on from {results}.checkpoint-000000200.npz" in finished.stdout


def test_a_run_that_came_no_further_does_not_go_back(warned):
    finished, asked = warned("USR1")
    assert (finished.returncode, asked) == (85, "")
    assert "raise --time" in finished.stderr


@pytest.mark.parametrize("signals", ["TERM", "USR1 TERM"])
def test_a_run_that_is_cancelled_does_not_go_back(warned, signals):
    finished, asked = warned(signals, SAVES="results/gsgm-4711.h5")
    assert (finished.returncode, finished.stderr, asked) == (85, "", "")


def test_a_run_that_cannot_go_back_is_stopped_and_not_failed(warned):
    finished, asked = warned("USR1", SAVES="results/gsgm-4711.h5", SCONTROL_EXIT="1")
    assert (finished.returncode, asked) == (85, "requeue 4711\n")
    assert "saved but could not be requeued" in finished.stderr


def test_a_node_that_does_not_print_its_stacks_does_not_keep_a_run_from_being_saved(warned, cluster):
    executable(cluster.record / "bin" / "srun", "#!/bin/bash\nexec sleep 8 >/dev/null 2>&1\n")
    began = cluster.record / "began"
    began.touch()
    finished, asked = warned("USR2 USR1", SAVES="results/gsgm-4711.h5", SLURM_NNODES="2")
    assert (finished.returncode, asked) == (0, "requeue 4711\n")
    saved = cluster.root / "results" / "gsgm-4711.h5.checkpoint-000000200.npz"
    assert saved.stat().st_mtime - began.stat().st_mtime < 6


def test_a_campaigns_task_does_the_run_of_its_number(cluster):
    cluster.add_venv()
    file = "jobs/campaigns/smoke.toml"
    finished = cluster.run("campaign.slurm", file, "--folder", "elsewhere", "--", "--epochs", "2")
    assert (finished.returncode, finished.stderr) == (0, "")
    expected = [
        "python",
        "-m",
        "gsgm_mpi.campaign",
        "--index",
        "3",
        file,
        "--folder",
        "elsewhere",
        "--",
        "--epochs",
        "2",
    ]
    assert cluster.call()[2] == expected
    without = cluster.run("campaign.slurm")
    assert without.returncode == 2
    assert "which campaign?" in without.stderr
