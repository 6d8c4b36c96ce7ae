"""One supervisor to a home.

Invariants
  * The lock is free only when the supervisor and both its servers are gone: the servers inherit it.
  * So whoever holds it may tidy what a killed predecessor left (sockets, a stale `postmaster.pid`).
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.embedded.errors import HomeInUse

LEFTOVERS_SECONDS = 30.0  # a database whose supervisor was killed shuts down in about one


@contextmanager
def held(home: Path) -> Iterator[int]:
    """Own this home, made if missing; yields the lock's descriptor, for the servers to inherit.

    Raises HomeInUse if a live supervisor owns it, or if a dead one's servers do not end.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(descriptor, home)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def owner(home: Path) -> int | None:
    """The process id of the live supervisor of this home, if there is one."""
    try:
        descriptor = os.open(home / "lock", os.O_RDONLY)
    except FileNotFoundError:  # no supervisor was ever here
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:  # somebody holds it: a supervisor, or what a killed one left
        return _live_owner(descriptor)
    finally:
        os.close(descriptor)
    return None


def _take(descriptor: int, home: Path) -> None:
    deadline = time.monotonic() + LEFTOVERS_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # held: refuse for a live owner, wait for a dead one's servers
            pid = _live_owner(descriptor)
            if pid is not None:
                raise HomeInUse(f"{home} is in use by process {pid}. Stop it first, or give another --home.") from None
            if time.monotonic() > deadline:
                raise HomeInUse(f"{home} is still in use by the servers of a killed supervisor.") from None
            time.sleep(0.05)
        else:
            return


def _live_owner(descriptor: int) -> int | None:
    written = os.pread(descriptor, 20, 0)
    if not written:  # taken this very moment
        return None
    try:
        os.kill(int(written), 0)
    except ProcessLookupError:  # killed; its servers are about to follow
        return None
    except PermissionError:  # alive, and somebody else's
        pass
    return int(written)
