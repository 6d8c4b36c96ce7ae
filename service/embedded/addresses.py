"""Where a home's servers answer, written down for commands that run beside them."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.embedded import lock


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """`postgres://user@:port/name?host=/folder` and `redis+socket:///path` (or the URLs that were given)."""

    database_url: str
    redis_url: str


@contextmanager
def published(home: Path, addresses: Addresses) -> Iterator[None]:
    """Keep `home/run.json` (0600) for the duration."""
    path, draft = home / "run.json", home / "run.json.new"
    draft.unlink(missing_ok=True)
    content = {"database_url": addresses.database_url, "redis_url": addresses.redis_url, "pid": os.getpid()}
    draft.touch(mode=0o600, exist_ok=False)
    draft.write_text(json.dumps(content))
    draft.replace(path)  # whole or not at all, for a command that reads it now
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def addresses_of(home: Path) -> Addresses | None:
    """The addresses of the servers that run on this home; None when none do."""
    pid = lock.owner(home)
    try:
        content = json.loads((home / "run.json").read_text())
    except FileNotFoundError:  # not running, or not ready yet
        return None
    if pid is None or content["pid"] != pid:  # left by a supervisor that was killed
        return None
    return Addresses(database_url=content["database_url"], redis_url=content["redis_url"])
