"""A withdrawal never waits for others: slow lines take neither the connections nor the threads that it needs."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.drawn import jpeg
from tests.processes.registry import Caller, Registry

MARK = "0123456789"
PART = f'--{MARK}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
SOON = 5.0  # seconds; without the reserve it is refused after as many, or not answered at all


def upload(path: str, caller: Caller) -> bytes:
    """An upload of 5 MB whose first 20 kB are there."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {caller.secret}\r\n"
    head += f"Content-Type: multipart/form-data; boundary={MARK}\r\nContent-Length: 5000000\r\n\r\n{PART}"
    return head.encode() + jpeg(7) + bytes(20_000)


@contextmanager
def held(caller: Caller, sent: bytes, *, count: int) -> Iterator[None]:
    """So many connections that have sent this, and send nothing more."""
    address = urlsplit(caller.url)
    with ExitStack() as stack:
        for _ in range(count):
            link = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=30))
            link.sendall(sent)
        yield


@pytest.fixture(scope="module")
def both(live: Registry) -> tuple[Caller, Caller]:
    """A person and a pipeline, once: adding each takes longer than all that is done with them here."""
    return live.person(f"waiting-{uuid4().hex[:8]}"), live.pipeline()


@pytest.mark.parametrize("kind", ["uploads with a token", "requests without an account", "half of the headers"])
def test_slow_clients_stop_nobody(both: tuple[Caller, Caller], kind: str) -> None:
    caller, lab = both
    image = caller.bring(jpeg(len(kind)))  # another one for each kind
    sent = {
        "uploads with a token": upload("/api/v1/me/images", caller),
        "requests without an account": upload("/api/v1/requests", caller),
        "half of the headers": b"GET /livez HTTP/1.1\r\nHost: loc",
    }[kind]
    with held(caller, sent, count=100):
        withdrawn = caller.withdraw()
        assert (withdrawn.status, lab.decisions(image)) == (201, ["excluded"])
        assert caller.get("/livez").status == 200
    assert withdrawn.seconds < SOON


def test_a_client_that_never_ends_its_headers_is_given_up(live: Registry) -> None:
    """A byte now and then does not help: all of them together have ten seconds."""
    address = urlsplit(live.url)
    with socket.create_connection((address.hostname, address.port), timeout=2) as link:
        link.sendall(b"GET /livez HTTP/1.1\r\nX-Slow: ")
        for _ in range(20):
            try:
                link.sendall(b"a")
                if link.recv(1) == b"":
                    return
            except TimeoutError:  # it still waits
                continue
            except ConnectionError:
                return
    pytest.fail("the server waited for more than thirty seconds")
