"""Bodies without a length, and headers that are none of a client's business, as clients really send them."""

import socket
import urllib.request
from urllib.parse import urlsplit

import pytest

from tests.processes.registry import Registry


@pytest.mark.parametrize("path", ["/api/v1/me/withdrawals", "/api/v1/me/images", "/api/v1/checks", "/requests/new"])
def test_chunks_are_refused_with_words(live: Registry, path: str) -> None:
    """Not answered as if nothing had been sent; and what follows on the connection is not read as a request."""
    url = urlsplit(live.url)
    body = b'{"images": "all", "purposes": "all"}'
    head = f"POST {path} HTTP/1.1\r\nHost: {url.netloc}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with socket.create_connection((f"{url.hostname}", url.port or 80), timeout=30) as link:
        link.sendall(head.encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        answer = b"".join(iter(lambda: link.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 411 ")
    assert b"with a Content-Length" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("name", ["PATH_INFO", "SCRIPT_NAME"])
def test_no_header_leads_to_another_page(live: Registry, name: str) -> None:
    """A proxy that guards paths passes such headers on."""
    asked = urllib.request.Request(f"{live.url}/livez", headers={name: "/readyz"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.read() == b'{"alive": true}'
