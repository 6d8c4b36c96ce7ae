"""The whole registry as processes on one machine: web, worker, beat and publisher over both servers. No Django here."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consentkit.notes import Signer
from service.embedded.errors import StartFailed
from service.embedded.processes import Child, Supervisor, orderly, say
from service.embedded.stack import servers

ROOT: Final = Path(__file__).resolve().parent.parent
MANAGE: Final = str(ROOT / "manage.py")
READY_WITHIN: Final = 60.0  # seconds
DOUBT_AFTER: Final = 15.0  # seconds after which it serves although it is not ready


@dataclass(frozen=True)
class Running:
    """A registry that is ready: where it is, and the key of its log (a C2SP verifier key)."""

    url: str
    log_key: str
    home: Path
    supervisor: Supervisor


@contextmanager
def running(home: Path, *, port: int, bare: bool) -> Iterator[Running]:
    """Start everything and wait until it answers; stop everything on leaving. Main thread only.

    Raises StackError with a message that says what to do.
    """
    home = home.absolute()
    _require_port(port)
    _require_semaphores()
    url = f"http://127.0.0.1:{port}"
    with orderly(), servers(home) as own:
        environ = {
            **os.environ,
            "DATABASE_URL": own.database_url,
            "REDIS_URL": own.redis_url,
            "PUBLIC_URL": url,
            "REGISTRY_HOME": str(home),
            "DJANGO_SETTINGS_MODULE": "service.settings",
            "PYTHONPATH": str(ROOT),
        }
        _bootstrap(environ, bare=bare)
        with Supervisor(_children(environ, home, port), log=home / "log", servers=own) as supervisor:
            supervisor.wait_until(lambda: _answers(f"{url}/livez"), within=READY_WITHIN)
            _wait_for_readiness(supervisor, url)
            log_key = str(Signer.parse(os.environ["LOG_SIGNING_KEY"]).verifier)
            yield Running(url, log_key, home, supervisor)


def _require_port(port: int) -> None:
    """Another server there would answer for ours, and ours would be called ready."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn does: a port just left is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StartFailed(f"Port {port} of 127.0.0.1 cannot be had ({error.strerror}): choose another.") from error


def _require_semaphores() -> None:
    """The worker's processes share some. Without, none would live, and pictures would wait for ever."""
    try:
        multiprocessing.Lock()
    except OSError as error:
        raise StartFailed(f"The worker needs shared memory, /dev/shm on Linux: {error.strerror}.") from error


def _bootstrap(environ: Mapping[str, str], *, bare: bool) -> None:
    argv = [sys.executable, MANAGE, "bootstrap", *([] if bare else ["--demonstration"])]
    done = subprocess.run(argv, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"The database could not be made ready.\n{done.stderr}")


def _children(environ: Mapping[str, str], home: Path, port: int) -> list[Child]:
    celery = [sys.executable, "-m", "celery", "-A", "service.celery:app", "--quiet"]
    worker = [
        *celery,
        "worker",
        "--concurrency=2",
        "--queues=celery,deliveries",
        "--without-gossip",
        "--without-mingle",
        "--loglevel=WARNING",
    ]
    beat = [*celery, "beat", "--schedule", str(home / "log" / "beat-schedule"), "--loglevel=WARNING"]
    gunicorn = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        "python:service.gunicorn",
        f"--bind=127.0.0.1:{port}",
    ]
    return [
        # Grants stop when an entry has waited for 30 s, so a restart of the database must not keep it away for long.
        Child(name="publisher", argv=[sys.executable, MANAGE, "publish"], env=environ, longest_pause=2.0),
        Child(name="web", argv=gunicorn, env=environ, vital=True),
        Child(name="worker", argv=worker, env=environ),
        Child(name="beat", argv=beat, env=environ),
    ]


def _wait_for_readiness(supervisor: Supervisor, url: str) -> None:
    """In doubt it serves all the same: withdrawing and asking go on, and nothing reads as permitted (laws 9, 11)."""
    deadline = time.monotonic() + DOUBT_AFTER
    supervisor.wait_until(
        lambda: _answers(f"{url}/readyz") or time.monotonic() > deadline, within=DOUBT_AFTER + READY_WITHIN
    )
    if not _answers(f"{url}/readyz"):
        say(f"The registry is in doubt: nothing reads as permitted, and grants are refused. See {url}/readyz")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):  # not listening yet, or not ready
        return False


def demonstration(home: Path) -> dict[str, str]:
    """The secrets that `bootstrap --demonstration` kept."""
    kept: dict[str, str] = json.loads((home / "demonstration.json").read_text())
    return kept
