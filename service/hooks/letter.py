"""One delivery, written and signed. Thin: it says that something waits, never what about."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from consentkit.webhooks import public_text, secret_text, sign

TYPE: Final = "notification.created"


@dataclass(frozen=True)
class Letter:
    """What is posted."""

    headers: dict[str, str]
    body: bytes


def letter(webhook: UUID, *, notification: UUID, created_at: datetime, at: datetime) -> Letter:
    """`webhook-id` is the notification's number at every attempt; the timestamp is the attempt's."""
    happened = created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = {"type": TYPE, "timestamp": happened, "data": {"id": str(notification)}}
    body = json.dumps(said, separators=(",", ":")).encode()
    headers = sign(
        str(notification),
        int(at.timestamp()),
        body,
        secret=_derived(webhook, "secret"),
        key=_private(webhook),
    )
    return Letter({**headers, "content-type": "application/json"}, body)


def secret(webhook: UUID) -> str:
    """What the receiver verifies `v1` with. Kept nowhere: whoever reads the database cannot sign."""
    return secret_text(_derived(webhook, "secret"))


def public_key(webhook: UUID) -> str:
    """What the receiver verifies `v1a` with; no secret."""
    return public_text(_private(webhook).public_key())


def _private(webhook: UUID) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_derived(webhook, "key"))


def _derived(webhook: UUID, what: str) -> bytes:
    """32 bytes from SECRET_KEY (HKDF, RFC 5869), others for each webhook and each use."""
    info = f"consent-registry webhook {what} {webhook}".encode()
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(settings.SECRET_KEY.encode())
