"""Webhooks as a receiver verifies them, against the library that most receivers use."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from consentkit import webhooks
from consentkit.errors import BadSignature, ConsentkitError, Malformed, Stale
from consentkit.webhooks import public_text, secret_text, sign

SECRET = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
NAME = "1f81eb52-5198-4599-803e-771906343485"
BODY = json.dumps({"type": "notification.created", "timestamp": "2026-11-24T04:00:00Z", "data": {"id": NAME}}).encode()
NOW = 1_795_500_000
SHARED, PUBLIC = secret_text(SECRET), public_text(KEY.public_key())


verify = partial(webhooks.verify, clock=lambda: NOW)


def sent(moment: int = NOW, body: bytes = BODY) -> dict[str, str]:
    return sign(NAME, moment, body, pairs=[(SECRET, KEY)])


@pytest.mark.parametrize("secret", [SHARED, PUBLIC], ids=["v1", "v1a"])
def test_what_is_sent_is_believed(secret: str) -> None:
    event = verify({name.title(): value for name, value in sent().items()}, BODY, secret)
    assert (event.id, event.type, event.notification) == (NAME, "notification.created", NAME)


def test_the_usual_library_believes_what_is_sent() -> None:
    assert Webhook(SHARED).verify(BODY, sent(int(time.time()))) == json.loads(BODY)


def test_what_the_usual_library_sends_is_believed() -> None:
    at = datetime.now(UTC)
    signature = Webhook(SHARED).sign(NAME, at, BODY.decode())
    headers = {"webhook-id": NAME, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    assert webhooks.verify(headers, BODY, SHARED).notification == NAME


def test_one_of_several_signatures_is_enough() -> None:
    headers = sent()
    other = sign(NAME, NOW, BODY, pairs=[(b"o" * 32, Ed25519PrivateKey.generate())])["webhook-signature"]
    headers["webhook-signature"] = f"v2,AAAA v1,**** v1 {other} {headers['webhook-signature']}"
    for secret in (SHARED, PUBLIC):
        verify(headers, BODY, secret)
    headers["webhook-signature"] = other
    for secret in (SHARED, PUBLIC):
        with pytest.raises(BadSignature):
            verify(headers, BODY, secret)


@pytest.mark.parametrize("secret", [SHARED, PUBLIC], ids=["v1", "v1a"])
@pytest.mark.parametrize(
    ("header", "value"),
    [("webhook-id", "other"), ("webhook-timestamp", str(NOW + 1)), ("", BODY + b" ")],
    ids=["id", "time", "body"],
)
def test_what_was_altered_is_not_believed(secret: str, header: str, value: Any) -> None:
    headers, body = ({**sent(), header: value}, BODY) if header else (sent(), value)
    with pytest.raises(BadSignature):
        verify(headers, body, secret)


@pytest.mark.parametrize("scheme", ["v1", "v1a"])
def test_a_signature_of_the_other_scheme_counts_for_nothing(scheme: str) -> None:
    """An HMAC keyed with the public key, which everybody knows, must not pass as a signature."""
    raw = base64.b64decode(PUBLIC.removeprefix("whpk_"))
    mac = base64.b64encode(hmac.digest(raw, f"{NAME}.{NOW}.".encode() + BODY, hashlib.sha256)).decode()
    headers = {**sent(), "webhook-signature": f"{scheme},{mac}"}
    with pytest.raises(BadSignature):
        verify(headers, BODY, PUBLIC)


@pytest.mark.parametrize(("by", "fits"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_five_minutes_and_no_more(by: int, fits: bool) -> None:
    if fits:
        verify(sent(NOW + by), BODY, SHARED)
        return
    with pytest.raises(Stale):
        verify(sent(NOW + by), BODY, SHARED)


@pytest.mark.parametrize("length", [0, 23, 65])
def test_secrets_have_24_to_64_bytes(length: int) -> None:
    with pytest.raises(Malformed, match="24 to 64 bytes"):
        secret_text(bytes(length))
    with pytest.raises(Malformed, match="24 to 64 bytes"):
        verify(sent(), BODY, "whsec_" + base64.b64encode(bytes(length)).decode())


@pytest.mark.parametrize("secret", ["", "whsec_*", "whpk_AAAA", "sk_AAAA", SHARED.removeprefix("whsec_")])
def test_what_is_no_secret_verifies_nothing(secret: str) -> None:
    with pytest.raises(Malformed):
        verify(sent(), BODY, secret)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_no_header_may_be_missing(name: str) -> None:
    headers = sent()
    del headers[name]
    with pytest.raises(Malformed, match=f"{name} is missing"):
        verify(headers, BODY, SHARED)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": {"id": 1}}', b"\xff", b"[" * 9_000, b" " * 20_001])
def test_what_is_signed_and_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        verify(sent(body=body), body, SHARED)


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()))
def test_nothing_that_is_sent_breaks_it(headers: dict[str, str]) -> None:
    with pytest.raises(ConsentkitError):
        verify(headers, BODY, SHARED)
