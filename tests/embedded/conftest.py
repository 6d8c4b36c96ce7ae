"""Homes and real supervisors for these tests. Whatever servers the suite itself uses are out of sight."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.homes import REPOSITORY, SUPERVISE, Start, eventually, inhabitants


@pytest.fixture(autouse=True)
def _no_given_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DATABASE_URL", "REDIS_URL", "POSTGRES_BIN", "REDIS_BIN"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short path, so that sockets fit inside it."""
    folder = Path(tempfile.mkdtemp(prefix="home-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def supervise(home: Path) -> Iterator[Start]:
    """Start a supervisor as a process of its own and wait for its `ready`. Killed after the test."""
    begun: list[subprocess.Popen[str]] = []

    def begin(*commands: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(SUPERVISE), str(home), *commands],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        )
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()
    assert eventually(lambda: not inhabitants(home), within=10), inhabitants(home)
