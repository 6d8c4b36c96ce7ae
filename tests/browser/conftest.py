"""A whole registry, started as its operator starts it, and a browser to look at it with."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser import browsers
from tests.browser.visitor import Visitor

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20_000  # milliseconds; two cores do all of it
Visit = Callable[..., Visitor]


@dataclass(frozen=True)
class Live:
    """Where the registry is, where its data and its mail are, and its log's key."""

    url: str
    home: Path
    log_key: str

    @property
    def mail(self) -> Path:
        return self.home / "mail"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One registry and one browser at a time: all of these run in one worker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def live() -> Iterator[Live]:
    """`manage.py serve` on a home of its own, with the demonstration's accounts. Its servers are its own too."""
    home = Path(tempfile.mkdtemp(prefix="live-"))
    given = {
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "LOG_SIGNING_KEY",
        "PUBLIC_URL",
        "REGISTRY_HOME",
        "CHECKPOINT_DIR",
    }
    argv = [
        sys.executable,
        str(ROOT / "manage.py"),
        "serve",
        "--json",
        "--port",
        str(_free_port()),
        "--home",
        str(home),
    ]
    serving = subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in given},
    )
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, home, ignore_errors=True)
        undo.callback(serving.wait, 30)
        undo.callback(serving.terminate)
        assert serving.stdout is not None
        undo.callback(serving.stdout.close)
        said = json.loads(serving.stdout.readline())
        yield Live(said["url"], home, said["log_key"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module: its driver's loop must not outlive it, since Django's tests run in the same process."""
    with sync_playwright() as driver:
        expect.set_options(timeout=PATIENCE)
        opened = driver.chromium.launch(executable_path=browsers.executable(), args=browsers.flags())
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def stewards_session() -> dict[str, Any]:
    """What the steward's browser remembers; one address gets few codes in a minute."""
    return {}


@pytest.fixture
def steward(visit: Visit, stewards_session: dict[str, Any]) -> Visitor:
    """The demonstration's steward, signed in, at the desk."""
    sam = visit(storage_state=stewards_session or None)
    if not stewards_session:
        sam.sign_in("sam@example.org", wanting="/desk/")
        stewards_session.update(sam.page.context.storage_state())
    sam.page.goto("/desk/")
    return sam


@pytest.fixture
def visit(browser: Browser, live: Live, tmp_path: Path) -> Iterator[Visit]:
    """A new visitor with a window of their own; named options go to the browser's context."""
    with contextlib.ExitStack() as windows:

        def arrive(**options: object) -> Visitor:
            context = browser.new_context(base_url=live.url, **options)
            context.set_default_timeout(PATIENCE)
            windows.callback(context.close)
            return Visitor(context.new_page(), mail=live.mail, desk=tmp_path)

        yield arrive
