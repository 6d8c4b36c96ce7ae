"""Until when a client must have sent its headers, and then its body. Who is late is read no further.

A client that sends a byte now and then never runs into a time limit for one read, so the whole has a limit.
"""

import socket
import threading
import time
from contextlib import suppress
from typing import Final

HEADER_SECONDS: Final = 10.0
BODY_SECONDS: Final = 20.0
BYTES_A_SECOND: Final = 16 * 1024  # a slow telephone
RESERVED_BODY_SECONDS: Final = 60.0  # at most, where threads are reserved

_due: dict[socket.socket, float] = {}
_lock: Final = threading.Lock()


def body_seconds(length: int, *, reserved: bool) -> float:
    """How long a body of `length` bytes may take."""
    seconds = BODY_SECONDS + length / BYTES_A_SECOND
    return min(seconds, RESERVED_BODY_SECONDS) if reserved else seconds


def begin(client: socket.socket, seconds: float) -> None:
    """From now it has so long."""
    with _lock:
        _due[client] = time.monotonic() + seconds


def end(client: socket.socket) -> None:
    """It has sent all."""
    with _lock:
        _due.pop(client, None)


def late(client: socket.socket) -> bool:
    """Is the time over that `begin` gave?"""
    return client not in _due


def stop_late() -> None:
    """Read no further from those whose time is over: whoever waits for their bytes gets the end of the stream, and can
    still answer."""
    now = time.monotonic()
    with _lock:
        late = [client for client, due in _due.items() if due < now]
        for client in late:
            del _due[client]
    for client in late:
        with suppress(OSError):  # it has gone meanwhile
            client.shutdown(socket.SHUT_RD)
