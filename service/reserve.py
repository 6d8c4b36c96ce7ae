"""What is kept for withdrawing, and for signing in to do it: connections and threads that nobody else may take.

A flood of uploads, checks and pages takes all that it can get; a withdrawal must not stand behind it (law 14).
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

CONNECTIONS: Final = 10  # of one process
RESERVED_CONNECTIONS: Final = 2
THREADS: Final = 256  # of one process; one that waits for a slow client costs no connection, and little memory
RESERVED_THREADS: Final = 64

PATHS: Final = re.compile(r"/(?:api/v1/me/withdrawals|stop(?:/done)?|accounts/.*|livez|readyz)")
_slots: Final = threading.BoundedSemaphore(THREADS - RESERVED_THREADS)
_here: Final = threading.local()


class Full(Exception):
    """All threads that are not reserved are at work."""


def covers(path: str) -> bool:
    """Is it for withdrawing, for signing in, or to see whether the process lives?"""
    return PATHS.fullmatch(path) is not None


def entered() -> bool:
    """Does this thread work for a request that may take what is reserved?"""
    return getattr(_here, "entered", False)


@contextmanager
def place(path: str) -> Iterator[None]:
    """A thread's place for a request. Raises Full at once where only reserved ones are left."""
    if covers(path):
        _here.entered = True
        try:
            yield
        finally:
            _here.entered = False
        return
    if not _slots.acquire(blocking=False):
        raise Full
    try:
        yield
    finally:
        _slots.release()
