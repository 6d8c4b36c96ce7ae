"""The servers of a test run: started once, by the process that starts the run, before Django reads its settings.

`DATABASE_URL` and `REDIS_URL`, when set, are used instead, and not stopped. Workers of xdist inherit the environment.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from service.embedded.stack import servers
from service.home import fill

if TYPE_CHECKING:  # a run without xdist needs none of it
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

RUN: Final = "REGISTRY_TEST_RUN"  # names this run's databases; its presence says that somebody has begun it
TOGETHER: Final = ("tests/processes/", "tests/browser/")
ROOM: Final = 2 << 30  # bytes
STOP: Final = pytest.StashKey[ExitStack]()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Around pytest-django's own hook of this name, which imports the settings."""
    with ExitStack() as stop:
        if RUN not in os.environ:
            _begin(stop)
        result = yield
        early_config.stash[STOP] = stop.pop_all()
    return result


def _begin(stop: ExitStack) -> None:
    os.environ[RUN] = secrets.token_hex(4)
    stop.callback(os.environ.pop, RUN)
    folder = Path(tempfile.mkdtemp(prefix="registry-tests-", dir=_memory()))
    stop.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ["XDG_STATE_HOME"] = str(folder / "state")  # the person's own is left alone, by every process of the run
    home = folder / "home"
    running = stop.enter_context(servers(home, durable=False))
    os.environ["DATABASE_URL"] = running.database_url
    os.environ["REDIS_URL"] = running.redis_url
    fill(home, os.environ)
    stop.callback(_drop_databases)


def _memory() -> Path | None:
    """Where files live in memory, if there is room: a clone of the template takes 30 ms there, 350 on a disk."""
    shared = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder in it
    return shared if shared.is_dir() and shutil.disk_usage(shared).free > ROOM else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "LoadScopeScheduling":
    """One by one, but each folder of TOGETHER on one worker: its tests share a server, one after the other.

    The mark `xdist_group` would say this, but xdist 3.8 does not see it under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid)

    return ByFolder(config, log)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Only the process that began the run has anything to stop."""
    config.stash[STOP].close()


def _drop_databases() -> None:
    """What this run left on a server that stays: its template, and clones of tests that were killed."""
    from tests.databases import drop_all

    drop_all(os.environ[RUN])
