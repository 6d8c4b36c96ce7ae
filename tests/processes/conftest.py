"""One registry for all tests of this folder: they run on one worker, one after the other."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.registry import Registry, serving


@pytest.fixture(scope="session")
def live() -> Iterator[Registry]:
    """A durable registry, started as its README says, on a port of its own."""
    home = Path(tempfile.mkdtemp(prefix="registry-live-"))
    with serving(home, port=free_port()) as registry:
        yield registry
    shutil.rmtree(home)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
