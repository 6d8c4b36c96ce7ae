"""A public collection, a folder that a plain host serves, and a pipeline without any key."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone

from consent.reads.feed import Feed
from consentkit import Registry
from consentkit.feedfile import FeedFile
from consentkit.scopes import PURPOSES
from registry.acts.make_public import make_public
from registry.log import publisher
from registry.log.signer import verifier
from service.mirror.feed import Mirror
from service.mirror.folder import Folder
from tests.threads import connected
from tests.world import World, digest_of


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Says nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a plain host for this folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextmanager
def publishing(clock: Callable[[], datetime] = timezone.now) -> Iterator[None]:
    """The publisher runs meanwhile, by this clock."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(0.02):
            publisher.turn(clock())

    thread = threading.Thread(target=connected, args=[run])
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@dataclass
class Host:
    """The world's collection in a folder, and what a pipeline elsewhere makes of it. `ahead`: the machine's clock."""

    world: World
    folder: Path
    url: str
    home: Path
    audience: str = "research"
    ahead: timedelta = field(default_factory=timedelta)

    def clock(self) -> datetime:
        return timezone.now() + self.ahead

    def mirror(self) -> Mirror:
        return Mirror(Folder(self.folder), Feed(self.world.collection, PURPOSES, self.audience), clock=self.clock)

    def file(self) -> FeedFile:
        return FeedFile.decode((self.folder / "feed.json").read_bytes())

    def turn(self) -> int | None:
        """One turn, beside a publisher, who has signed what there was before."""
        publisher.turn(self.clock())
        with Folder(self.folder).locked(), publishing(self.clock):
            return self.mirror().turn()

    def pipeline(self, name: str = "home", audience: str = "research") -> Registry:
        key = str(verifier())
        return Registry("", "", log_key=key, home=self.home / name, feed=self.url, audience=audience)

    def permitted(self, *images: UUID, name: str = "home") -> list[bool]:
        """For ai_training, after a sync."""
        registry = self.pipeline(name)
        registry.sync()
        return list(registry.mask([digest_of(image) for image in images], purpose="ai_training"))

    def files(self, below: str = ".") -> set[str]:
        return {
            str(path.relative_to(self.folder))
            for path in (self.folder / below).rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }


@pytest.fixture
def host(world: World, tmp_path: Path) -> Iterator[Host]:
    make_public(None, at=world.at)
    folder = tmp_path / "public"
    folder.mkdir()
    with served(folder) as url:
        yield Host(world, folder, url, tmp_path / "homes")
