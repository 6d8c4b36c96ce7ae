"""`withdraw_beside`: a person stops again and again, while pipelines ask about hundreds of thousands of keys and slow
clients hold their connections."""

import io
import json
import socket
import threading
import time
import urllib.request
from contextlib import ExitStack, suppress
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from bench.figure import Figure
from bench.registry import running
from consentkit.scopes import PURPOSES

STREAM: Final = "application/vnd.apache.arrow.stream"
KEYS: Final = 600_000  # of each check
CHECKS: Final = 18
SLOW: Final = 100
WITHDRAWALS: Final = 100
GOAL: Final = 0.3  # seconds


def run() -> list[Figure]:
    with running() as registry:
        from django.utils import timezone

        from consent.acts.enrol_pipeline import Access, enrol_pipeline
        from registry.acts.enrol_person import enrol_person
        from registry.acts.issue_token import issue_token
        from registry.reads.collections import only_collection
        from service import tokens

        token, key = tokens.fresh(tokens.PERSON), tokens.fresh(tokens.PIPELINE)
        issue_token(enrol_person("ines@example.org", at=timezone.now()).person, secret=token, at=timezone.now())
        enrol_pipeline(
            Access("lab", ("ai_training",), "research", only_collection(None)), secret=key, at=timezone.now()
        )
        alone = _p99(registry.url, token)
        with _Crowd(registry.url, key):
            time.sleep(5.0)
            beside = _p99(registry.url, token)
    return [Figure("withdraw_beside", beside, "s", "alone", beside / alone, "≤ 0.3 s", beside <= GOAL)]


def _p99(url: str, token: str) -> float:
    """Seconds; each withdrawal is of other purposes than the one before, so that each is an act."""
    taken = []
    for number in range(WITHDRAWALS):
        body = json.dumps({"images": "all", "purposes": [PURPOSES[number % len(PURPOSES)]]}).encode()
        began = time.perf_counter()
        _post(f"{url}/api/v1/me/withdrawals", token, body, "application/json")
        taken.append(time.perf_counter() - began)
    return float(np.percentile(taken, 99))


def _post(url: str, secret: str, body: bytes, kind: str) -> None:
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": kind}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=120) as answer:  # noqa: S310
        answer.read()


class _Crowd:
    """CHECKS threads that ask without end, and SLOW connections that have sent half of their headers."""

    def __init__(self, url: str, key: str) -> None:
        digests = np.random.default_rng(1).bytes(KEYS * 32).hex()
        keys = pa.record_batch({"key": [digests[at : at + 64] for at in range(0, len(digests), 64)]})
        out = io.BytesIO()
        with pa.ipc.new_stream(out, keys.schema) as writer:
            writer.write_batch(keys)
        self._url, self._key, self._body = url, key, out.getvalue()
        self._over = threading.Event()
        self._asking = [threading.Thread(target=self._ask, daemon=True) for _ in range(CHECKS)]
        self._held = ExitStack()

    def __enter__(self) -> None:
        address = urlsplit(self._url)
        for _ in range(SLOW):
            link = self._held.enter_context(socket.create_connection((address.hostname, address.port)))
            link.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        for thread in self._asking:
            thread.start()

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._held.close()
        for thread in self._asking:
            thread.join(120)

    def _ask(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):  # 503: its turn did not come in time
                _post(f"{self._url}/api/v1/checks?purpose=ai_training", self._key, self._body, STREAM)
