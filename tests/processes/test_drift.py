"""A library that makes other fingerprints stops the worker, and grants answer 503; asking and withdrawing go on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from service.embedded.stack import addresses_of
from service.home import fill
from tests.processes.conftest import free_port
from tests.processes.registry import REPOSITORY, Caller, Registry, eventually

DRIFT = "import numpy; numpy.median = numpy.mean"


@pytest.fixture
def drifted(live: Registry, tmp_path: Path) -> dict[str, str]:
    """The environment of a process beside the registry whose NumPy behaves otherwise."""
    (tmp_path / "sitecustomize.py").write_text(DRIFT)
    given = addresses_of(live.home)
    assert given is not None
    environ = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": given.database_url,
        "REDIS_URL": given.redis_url,
        "DJANGO_SETTINGS_MODULE": "service.settings",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(REPOSITORY)]),
        **{name: os.environ[name] for name in ("HOME", "XDG_STATE_HOME", "CHECKPOINT_DIR") if name in os.environ},
    }
    fill(live.home, environ)
    return environ


def test_a_worker_stops(drifted: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "celery", "-A", "service.celery:app", "worker", "--concurrency=1"]
    done = subprocess.run(argv, env=drifted, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode != 0
    assert "The worker stops: phash256 version 1, vector" in done.stderr


def test_grants_answer_503_and_the_rest_goes_on(live: Registry, drifted: dict[str, str]) -> None:
    token = live.manage("person", "add", "ada@example.org").split()[-1]
    with web(drifted) as url:
        ada = Caller(url, token)
        eventually(lambda: answers(ada), within=30)
        refused = ada.grant()
        assert refused.status == 503
        assert refused.json()["type"] == "/problems/fingerprints-in-doubt"
        assert ada.withdraw().status == 201


def answers(caller: Caller) -> bool:
    with suppress(OSError):
        return caller.get("/livez").status == 200
    return False


@contextmanager
def web(environ: dict[str, str]) -> Iterator[str]:
    port = free_port()
    argv = [sys.executable, "-m", "gunicorn", "--config", "python:service.gunicorn", f"--bind=127.0.0.1:{port}"]
    server = subprocess.Popen(argv, env=environ, cwd=REPOSITORY)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)
