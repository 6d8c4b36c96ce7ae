"""The web server's application. The golden vectors run here, once, before the first request.

No connection of the database is held while a client sends or reads: a slow line must not keep others from asking, or
anybody from withdrawing (law 14).
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.core.wsgi import get_wsgi_application
from django.db import connection

from consentkit.fingerprints import golden
from service import deadlines, reserve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "service.settings")
django = get_wsgi_application()

Environ = dict[str, Any]
FULL: Final = (
    b'{"type": "/problems/unavailable", "title": "Not available right now", "status": 503, '
    b'"detail": "Too many requests are at work. Try again in a moment."}'
)

try:
    golden.check()
except golden.Drifted as drift:
    # Withdrawing and asking must go on; `refuse_grants_in_doubt` answers every grant with 503 from here.
    logging.getLogger(__name__).critical("grants are refused: %s", drift)


class Body:
    """A request's body. Before more of it is waited for, the connection goes back to the others.

    Raises TimeoutError, which Django turns into UnreadablePostError, where the client was too slow.
    """

    def __init__(self, stream: Any, client: socket.socket | None, *, length: int, reserved: bool) -> None:
        self._stream, self._client, self._left = stream, client, length
        self._seconds: float | None = deadlines.body_seconds(length, reserved=reserved)

    def read(self, *size: int) -> bytes:
        return self._taken(self._stream.read, size)

    def readline(self, *size: int) -> bytes:
        return self._taken(self._stream.readline, size)

    def _taken(self, take: Callable[..., bytes], size: tuple[int, ...]) -> bytes:
        give_back()
        if self._client is None or self._left <= 0:
            return take(*size)
        if self._seconds is not None:  # the first read starts the clock
            deadlines.begin(self._client, self._seconds)
            self._seconds = None
        taken = take(*size)
        self._left -= len(taken)
        if self._left <= 0:
            deadlines.end(self._client)
        elif deadlines.late(self._client):
            raise TimeoutError("the body did not come in time")
        return taken


def give_back() -> None:
    """The connection to the pool, unless a transaction is open."""
    if connection.connection is not None and not connection.in_atomic_block:
        connection.close()


def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django, within what is kept for whom."""
    path, client = environ.get("PATH_INFO", ""), environ.get("gunicorn.socket")
    length, reserved = int(environ.get("CONTENT_LENGTH") or 0), reserve.covers(path)
    environ["wsgi.input"] = Body(environ["wsgi.input"], client, length=length, reserved=reserved)
    try:
        with reserve.place(path):
            answer: Iterable[bytes] = django(environ, start_response)
            give_back()
    except reserve.Full:
        head = [("Content-Type", "application/problem+json"), ("Retry-After", "5"), ("Content-Length", str(len(FULL)))]
        start_response("503 Service Unavailable", head)
        return [FULL]
    finally:
        if client is not None:
            deadlines.end(client)
    return answer
