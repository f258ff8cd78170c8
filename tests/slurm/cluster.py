"""A real SLURM of two nodes on this machine, in a folder of its own; needs neither systemd nor cgroups.

Its configuration says n1 and n2; both are slurmds on this host with ports of their own. Where the kernel lets a process
have a host name of its own, the second node's is ``localhost``, so that a run over both sees two hosts; it must be a
name that can be resolved, because launchers connect by name.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")

#: AuthInfo: a requeued job starts again once its old credentials have expired; by default after two minutes.
#: TmpFS: PMIx keeps files there that nodes must not share. KillWait: the default.
#: SchedulerParameters: looks for jobs every second instead of every minute.
_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdSpoolDir={folder}/spool-%n
StateSaveLocation={folder}/state
TmpFS={folder}/tmp-%n
AuthType=auth/munge
CredType=cred/munge
AuthInfo=cred_expire=5,socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
SchedulerParameters=bf_interval=1,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=30
MinJobAge=3600
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=16 RealMemory=64000
NodeName=n2 NodeHostname={second} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=16 RealMemory=64000
PartitionName=compute Nodes=n[1-2] Default=YES State=UP MaxTime=INFINITE
"""


def main() -> int:
    """Whether a SLURM of two nodes can be started on this machine: 0, or 1 and why not."""
    if absent := missing():
        sys.stdout.write(f"not installed: {', '.join(absent)}\n")
        return 1
    try:
        with started() as slurm:
            words = ["srun", "--nodes=2", "--ntasks=2", "--immediate=20", "hostname"]
            return subprocess.run(words, env=slurm.environment, timeout=60, check=False).returncode
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        sys.stdout.write(f"{error}\n")
        return 1


def missing() -> list[str]:
    """What is not installed of it."""
    return [name for name in PROGRAMS if _program(name) is None]


@contextmanager
def started() -> Iterator[Slurm]:
    """A SLURM that runs; nothing is left of it afterwards."""
    # pytest's own folders have paths too long for a socket, and others may not enter them.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    slurm = Slurm(folder)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
        shutil.rmtree(folder)


class Slurm:
    """Starts the daemons, and asks them.

    Args:
        folder: new and empty; a short path, since a socket goes there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._daemons: list[subprocess.Popen[bytes]] = []
        own_name = ["unshare", "--uts", "sh", "-c", 'hostname localhost && exec "$@"', "sh"]
        #: What comes before a command that is to take the second node's host name.
        self._second_node = own_name if subprocess.run([*own_name, "true"], capture_output=True).returncode == 0 else []
        #: Names that its nodes go by: 1 or 2.
        self.hosts = 2 if self._second_node else 1
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}

    def start(self) -> None:
        """Returns once both nodes wait for jobs."""
        folder = self._folder
        folder.chmod(0o755)  # munged refuses a folder that others may write to, its clients must reach the socket
        for name in ("state", "spool-n1", "spool-n2", "tmp-n1", "tmp-n2"):
            (folder / name).mkdir()
        self._configure()
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        paths = {"key-file": key} | {name: folder / f"munge.{name}" for name in ("socket", "seed-file", "log-file")}
        munge = [f"--{name}={path}" for name, path in paths.items()]
        self._daemon("munged", "--foreground", "--force", f"--pid-file={folder}/munge.pid", *munge)
        self._until(lambda: (folder / "munge.socket").exists(), "munged's socket")
        self._daemon("slurmctld", "-D", "-c")
        self._daemon("slurmd", "-D", "-N", "n1")
        self._daemon("slurmd", "-D", "-N", "n2", before=self._second_node)
        self._until(lambda: self._ask("sinfo", "-h", "-t", "idle", "-o", "%D") == "2", "two idle nodes")

    def stop(self) -> None:
        """Cancels what runs, and ends the daemons."""
        if not self._daemons:
            return
        subprocess.run(["scancel", "--user", _user()], env=self.environment, capture_output=True)
        deadline = time.monotonic() + 10
        while self._ask("squeue", "-h") and time.monotonic() < deadline:
            time.sleep(0.2)
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in reversed(self._daemons):
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._kill_the_rest()

    def submit(self, folder: Path, *words: str, **variables: str) -> int:
        """Submits from a folder, with variables set; returns the job's number."""
        finished = subprocess.run(
            ["sbatch", "--parsable", *words],
            cwd=folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert finished.returncode == 0, finished.stderr
        return int(finished.stdout)

    def command(self, *words: str) -> None:
        """Runs a command that must succeed, e.g. ``scancel``."""
        finished = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=30)
        assert finished.returncode == 0, finished.stderr

    def job(self, number: int | str) -> dict[str, str]:
        """What ``scontrol show job`` says of it, e.g. ``JobState``, ``ExitCode``, ``Restarts``."""
        return dict(re.findall(r"(\w+)=(\S*)", self._ask("scontrol", "show", "job", str(number))))

    def logs(self) -> str:
        """The ends of the daemons' logs, for the message of a failure."""
        return "\n".join(f"--- {log.name}\n{log.read_text()[-2000:]}" for log in sorted(self._folder.glob("*.log")))

    def _kill_the_rest(self) -> None:
        """What belongs to jobs that did not end in time: whatever knows of this SLURM."""
        ours = f"SLURM_CONF={self._folder}/slurm.conf".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended meanwhile, or is another user's
                if ours in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)

    def _ask(self, *words: str) -> str:
        finished = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=30)
        return finished.stdout.strip()

    def _daemon(self, name: str, *arguments: str, before: list[str] | None = None) -> None:
        program = _program(name)
        assert program is not None
        output = (self._folder / f"{name}.out").open("ab")
        command = [*(before or []), program, *arguments]
        self._daemons.append(subprocess.Popen(command, env=self.environment, stdout=output, stderr=output))
        output.close()

    def _configure(self) -> None:
        host = socket.gethostname().split(".")[0]
        free = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        ports = [server.getsockname()[1] for server in free]
        for server in free:
            server.close()
        second = "localhost" if self._second_node else host
        text = _CONFIGURATION.format(folder=self._folder, host=host, second=second, user=_user(), ports=ports)
        (self._folder / "slurm.conf").write_text(text)

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < deadline, f"SLURM does not start: no {what}\n{self.logs()}"
            time.sleep(0.1)


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


if __name__ == "__main__":
    sys.exit(main())
