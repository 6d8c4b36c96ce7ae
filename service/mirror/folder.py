"""The folder that a host serves. Each file appears whole, by a rename; what nothing names any more stays an hour."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Final

from consentkit import feedfile

KEPT: Final = timedelta(hours=1)
"""For readers that hold the feed.json before."""

_LEFT: Final = ".left"  # names that feed.json names no longer, and since when
_LOCK: Final = ".lock"
_FRESH: Final = ".fresh"  # only one writes at a time, so one name will do


class NotOurFolder(Exception):
    """Nothing is written there; the words say why, and what to do."""


class Folder:
    """DIR. Names are paths below it, with slashes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One writer at a time. Raises NotOurFolder where there is another, or other people's files."""
        if self._path.exists() and not (self._path / _LOCK).exists() and any(self._path.iterdir()):
            raise NotOurFolder(f"{self._path} holds other files: name a new or an empty folder.")
        self._path.mkdir(parents=True, exist_ok=True)
        with (self._path / _LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:  # it ends with the process that holds it
                raise NotOurFolder(f"Another process is publishing to {self._path}.") from error
            yield

    def read(self, name: str) -> bytes | None:
        """The file's bytes; None where there is none."""
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:  # not yet published
            return None

    def has(self, name: str) -> bool:
        return (self._path / name).exists()

    def put(self, name: str, data: bytes) -> None:
        """A file that never changes: there already, it stays."""
        if not self.has(name):
            self.replace(name, data)

    def copy(self, name: str, source: Path) -> None:
        """The same, from another file."""
        if not self.has(name):
            with source.open("rb") as read, self._appearing(name) as out:
                shutil.copyfileobj(read, out)

    def replace(self, name: str, data: bytes) -> None:
        """A file that may change."""
        with self._appearing(name) as out:
            out.write(data)

    @contextmanager
    def _appearing(self, name: str) -> Iterator[IO[bytes]]:
        """On disk before it has its name: a file that a crash left empty would be taken for one that is there."""
        fresh, path = self._path / _FRESH, self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
        below = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(below)  # else what is written later could be there after a power cut, and this not
        finally:
            os.close(below)

    def sweep(self, named: set[str], *, before: Iterable[str], at: datetime) -> None:
        """Remove what has not been named for an hour: of parts and pages, and of what was named `before`."""
        left = {**dict.fromkeys([*self._flat(), *before], at.timestamp()), **json.loads(self.read(_LEFT) or b"{}")}
        ended = {name for name, since in left.items() if since <= (at - KEPT).timestamp()} - named
        for name in ended:
            (self._path / name).unlink(missing_ok=True)
        kept = {name: since for name, since in left.items() if name not in named | ended}
        self.replace(_LEFT, json.dumps(kept).encode())

    def _flat(self) -> Iterator[str]:
        for below in (feedfile.PARTS, feedfile.PAGES):
            yield from (f"{below}/{path.name}" for path in (self._path / below).glob("*"))
