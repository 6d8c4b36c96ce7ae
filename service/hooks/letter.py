"""One delivery, written and signed. Thin: it says that something waits, never what about."""

import json
from collections.abc import Sequence
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


def letter(secrets: Sequence[UUID], *, notification: UUID, created_at: datetime, at: datetime) -> Letter:
    """Signed with each of these secrets. `webhook-id` is the notification's number at every attempt; the timestamp is
    the attempt's.
    """
    happened = created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = {"type": TYPE, "timestamp": happened, "data": {"id": str(notification)}}
    body = json.dumps(said, separators=(",", ":")).encode()
    # While SECRET_KEY changes, what follows from the former one is what receivers know.
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    pairs = [(_derived(each, "secret", key), _private(each, key)) for each in secrets for key in keys]
    headers = sign(str(notification), int(at.timestamp()), body, pairs=pairs)
    return Letter({**headers, "content-type": "application/json"}, body)


def secret(number: UUID) -> str:
    """What the receiver verifies `v1` with. Kept nowhere: whoever reads the database cannot sign."""
    return secret_text(_derived(number, "secret", settings.SECRET_KEY))


def public_key(number: UUID) -> str:
    """What the receiver verifies `v1a` with; no secret."""
    return public_text(_private(number, settings.SECRET_KEY).public_key())


def _private(number: UUID, key: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_derived(number, "key", key))


def _derived(number: UUID, what: str, key: str) -> bytes:
    """32 bytes from SECRET_KEY (HKDF, RFC 5869), others for each secret and each use."""
    info = f"consent-registry webhook {what} {number}".encode()
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(key.encode())
