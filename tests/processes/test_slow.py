"""What is done is done when the whole request is there: a body that takes long does not date it back."""

import json
import socket
import time
from collections.abc import Callable
from datetime import datetime
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.drawn import jpeg
from tests.processes.registry import Caller, Registry

PAUSE = 3  # seconds; times in answers are whole ones


def slowly(caller: Caller, path: str, body: bytes, kind: str) -> tuple[Any, float]:
    """Send all but the last byte, wait, send it; the answer, and when the last byte went (Unix seconds)."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {caller.secret}\r\nConnection: close\r\n"
    head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    address = urlsplit(caller.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as link:
        link.sendall(head.encode() + body[:-1])
        time.sleep(PAUSE)
        ended = time.time()
        link.sendall(body[-1:])
        answer = HTTPResponse(link)
        answer.begin()
        assert answer.status == 201, answer.read()
        return json.loads(answer.read()), ended


def in_json(path: str, **body: Any) -> Callable[[Caller], tuple[Any, float]]:
    return lambda caller: slowly(caller, path, json.dumps(body).encode(), "application/json")


def an_upload(caller: Caller) -> tuple[Any, float]:
    mark = uuid4().hex
    field = f'--{mark}\r\nContent-Disposition: form-data; name="depicts"\r\n\r\nself\r\n'
    head = f'{field}--{mark}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    body = head.encode() + jpeg(7) + f"\r\n--{mark}--\r\n".encode()
    return slowly(caller, "/api/v1/me/images", body, f"multipart/form-data; boundary={mark}")


SLOW: dict[str, Callable[[Caller], tuple[Any, float]]] = {
    "image_submitted": an_upload,
    "withdrawn": in_json("/api/v1/me/withdrawals", images="all", purposes="all"),
    "granted": lambda caller: in_json(
        "/api/v1/me/grants",
        images="all",
        purposes=["ai_training"],
        notice=caller.get("/api/v1/notices/current").json()["notice"],
    )(caller),
}


@pytest.mark.parametrize("kind", SLOW)
def test_an_entry_is_of_the_time_when_its_request_was_whole(live: Registry, kind: str) -> None:
    caller = live.person(f"slow-{uuid4().hex[:8]}")
    image = None if kind == "image_submitted" else caller.bring(jpeg(7))
    said, ended = SLOW[kind](caller)
    page = caller.get(f"/api/v1/me/images/{image or said['image']}").json()
    (entry,) = [event for event in page["history"] if event["kind"] == kind]
    assert datetime.fromisoformat(entry["recorded_at"]).timestamp() >= int(ended)
