"""Places outside the database: what CHECKPOINT_DIR names, folders of this machine and addresses elsewhere.

An address answers GET and takes PUT below it (WebDAV, an object store behind a proxy, a few lines of a web server). A
name and a password may stand in it. It may fail for half a minute; after that whoever asks is told so.
"""

import math
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx2

ASK_AGAIN: Final = 5.0  # seconds for which an answer of an address, or its silence, is taken for the next one
PATIENCE: Final = 30.0  # seconds for which its last answer counts while it is silent
TIMEOUT: Final = httpx2.Timeout(2.0)
LONGEST: Final = 64 * 1024  # bytes of an answer
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
# A port or a password follows a colon as well, so the next place is known by how it begins.
_NEXT: Final = re.compile(re.escape(os.pathsep) + r"(?=/(?!/)|https?://)")


class PlaceSilent(OSError):
    """An address does not answer, or not as a place does."""


class Place(Protocol):
    """Keeps small files under fixed names."""

    @property
    def label(self) -> str:
        """What people are told: without a password."""

    def read(self, name: str, *, fresh: bool = False) -> bytes | None:
        """The file's bytes; None where there is none. `fresh`: as it is now. Raises OSError."""

    def write(self, name: str, content: bytes) -> None:
        """Keep the bytes for good; a crash leaves the old ones or these. Raises OSError."""


@dataclass(frozen=True)
class Folder:
    """A folder of this machine."""

    path: Path

    @property
    def label(self) -> str:
        return str(self.path)

    def read(self, name: str, *, fresh: bool = False) -> bytes | None:  # noqa: ARG002 - a file is always fresh
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:  # nothing was kept here yet
            return None

    def write(self, name: str, content: bytes) -> None:
        """Written beside it, synced, renamed, and the folder synced."""
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / name
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Two publishers over copies of one database take turns, and the second sees what the first has kept."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("ab") as lock:
            flock(lock, LOCK_EX)
            yield


@dataclass
class _Asked:
    """The last answer about one file, when it came (seconds of this process), and until when nobody asks again."""

    content: bytes | None = None
    at: float = -math.inf
    until: float = -math.inf

    def counting(self, now: float, place: "Address") -> bytes | None:
        """The answer while it counts. Raises PlaceSilent."""
        if now > self.at + PATIENCE:
            raise PlaceSilent(f"{place.label} does not answer")
        return self.content


_asked: dict[str, _Asked] = {}


@dataclass(frozen=True)
class Address:
    """A folder behind HTTP: GET reads `<url>/<name>`, PUT writes it."""

    url: str

    @property
    def label(self) -> str:
        scheme, _, rest = self.url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"

    def read(self, name: str, *, fresh: bool = False) -> bytes | None:
        url, now = f"{self.url.rstrip('/')}/{name}", time.monotonic()
        known = _asked.get(url, _Asked())
        if not fresh and now < known.until:
            return known.counting(now, self)
        known.until = now + ASK_AGAIN
        try:
            known.content = self._get(url)
            known.at = now
        except PlaceSilent:
            if fresh:
                raise
        _asked[url] = known
        return known.counting(now, self)

    def write(self, name: str, content: bytes) -> None:
        url = f"{self.url.rstrip('/')}/{name}"
        _asked.pop(url, None)
        try:
            answer = httpx2.put(url, content=content, timeout=TIMEOUT)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise PlaceSilent(f"{self.label} took nothing ({error or type(error).__name__})") from error
        if not answer.is_success:
            raise PlaceSilent(f"{self.label} answered {answer.status_code} to a PUT")

    def _get(self, url: str) -> bytes | None:
        try:
            answer = httpx2.get(url, timeout=TIMEOUT, headers={"Cache-Control": "no-cache"})
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise PlaceSilent(f"{self.label} did not answer ({error or type(error).__name__})") from error
        if answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return None
        if answer.status_code != HTTPStatus.OK or len(answer.content) > LONGEST:
            raise PlaceSilent(f"{self.label} answered {answer.status_code} to a GET")
        return answer.content


@lru_cache(maxsize=8)
def places(setting: str) -> tuple[Folder | Address, ...]:
    """What the setting names, in its order; separated as in PATH."""
    return tuple(_place(each) for each in _NEXT.split(setting) if each)


def faults(setting: str, *, home: Path) -> Iterator[str]:
    """Why the setting cannot be meant, in words."""
    found = places(setting)
    for place in found:
        if isinstance(place, Address):
            yield from _address_faults(place)
        elif not place.path.is_absolute():
            yield f"CHECKPOINT_DIR: {place.label} is not an absolute path, and no https address"
    root = home.resolve()
    if found and all(isinstance(place, Folder) and place.path.resolve().is_relative_to(root) for place in found):
        yield "CHECKPOINT_DIR lies inside REGISTRY_HOME: a copy of the home, put back, would forget with it"


def _place(text: str) -> Folder | Address:
    return Address(text) if text.startswith(("http://", "https://")) else Folder(Path(text))


def _address_faults(place: Address) -> Iterator[str]:
    parts = None
    with suppress(ValueError):
        parts = urlsplit(place.url)
    if parts is None or not parts.hostname:
        yield f"CHECKPOINT_DIR: {place.label} is not an address"
    elif parts.scheme != "https" and parts.hostname not in LOOPBACK:
        yield f"CHECKPOINT_DIR: {place.label} is not https"
