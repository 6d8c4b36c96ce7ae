"""PostgreSQL on a home: `home/postgres`, reached by a socket in a private folder and by nothing else."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from service.embedded import processes
from service.embedded.binaries import postgres_folder
from service.embedded.errors import StartFailed
from service.embedded.identity import identity

READY_SECONDS: Final = 120.0  # recovery after a crash replays the log first

SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "10s",
    "client_connection_check_interval": "5s",
    "log_lock_waits": "on",
    # Pages lie in memory or on a disk without a head: a digest is looked up, however many there are, and not searched
    # for in the whole table.
    "random_page_cost": "1.1",
    # Statements and the details of errors carry what people wrote: neither enters the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
THROWAWAY: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",  # each test drops a database, which looks through all of them
    "idle_in_transaction_session_timeout": "0",  # a test holds one transaction, however slow its other steps
}


class Postgres:
    """One server. `keep` are the descriptors that it holds while it lives."""

    name = "PostgreSQL"

    def __init__(self, home: Path, *, sockets: Path, durable: bool, keep: Sequence[int]) -> None:
        self.url = f"postgres://registry@:5432/postgres?host={quote(str(sockets))}"
        self._data = home / "postgres"
        self._log = home / "log" / "postgres.log"
        self._sockets = sockets
        self._durable = durable
        self._keep = keep
        self._programs = postgres_folder()
        self._identity = identity(self._programs / "initdb")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Create the data folder once, start, wait until it accepts. Raises StartFailed."""
        if not self._data.exists():
            self._create()
        _give(self._data, self._identity.uid)
        _forget_dead(self._data / "postmaster.pid")
        settings = SETTINGS | _room() | ({} if self._durable else THROWAWAY)
        places = ["-D", str(self._data), "-k", str(self._sockets), "-p", "5432"]
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        self._process = processes.start(
            [*self._identity.prefix, str(self._programs / "postgres"), *places, *options],
            log=self._log,
            orphaned=signal.SIGINT,
            keep=self._keep,
        )
        processes.wait_until(self._accepts, process=self._process, name=self.name, log=self._log, within=READY_SECONDS)

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Fast shutdown: sessions are rolled back, a checkpoint is written."""
        if self._process is not None:
            processes.end(self._process, asking=[(signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0)])

    def _create(self) -> None:
        draft = self._data.with_name("postgres.new")  # a crash leaves a draft, never half a database
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        _give(draft, self._identity.uid)
        shape = ["-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums", "-U", "registry"]
        hurry = [] if self._durable else ["--no-sync"]
        made = subprocess.run(
            [*self._identity.prefix, str(self._programs / "initdb"), "-D", str(draft), *shape, *hurry],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
        )
        if made.returncode:
            raise StartFailed(f"initdb ended with {made.returncode}. {made.stderr.strip()}")
        draft.rename(self._data)

    def _accepts(self) -> bool:
        """Whether the server says so itself: the eighth line of its pid file, which pg_ctl reads too."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:  # it has only just begun
            return False
        process = self._process
        return process is not None and lines[:1] == [str(process.pid)] and lines[7:8] == ["ready   "]


def _room() -> dict[str, str]:
    """A quarter of the memory for the server's own pages, as its manual advises; it takes what it uses. What it may
    expect the system to hold besides is said to the planner.
    """
    megabytes = _memory() >> 20
    return {"shared_buffers": f"{megabytes // 4}MB", "effective_cache_size": f"{megabytes // 2}MB"}


def _memory() -> int:
    """Bytes that this machine has, or this container may use."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        allowed = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:  # no control groups, or those of before
        return machine
    return min(machine, int(allowed)) if allowed.isdigit() else machine


def _give(folder: Path, uid: int) -> None:
    """Make a folder and all in it that uid's: a home may move between two ways of running."""
    if folder.stat().st_uid == uid:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, uid, uid, follow_symlinks=False)
    os.chown(folder, uid, uid)  # last, so that a crash before it is repaired by the next start


def _forget_dead(pid_file: Path) -> None:
    """Remove the pid file of a server that is gone while its number is some other program's by now.

    PostgreSQL would take that program for itself and refuse; a number that nobody has, it replaces.
    """
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except FileNotFoundError:  # no such file, or no such process: nothing stands in the way
        return
    if name != "postgres":
        pid_file.unlink()
