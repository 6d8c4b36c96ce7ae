"""Signed webhooks, after Standard Webhooks (https://www.standardwebhooks.com): what the registry sends, you verify.

Two signatures stand in `webhook-signature` for each secret in force: `v1` (HMAC-SHA256 with the shared secret,
`whsec_…`) and `v1a` (Ed25519; whoever has only the public key, `whpk_…`, can verify and not sign). One is enough.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from consentkit import canonical
from consentkit.errors import BadSignature, Malformed, Stale
from consentkit.matches import UUID

SECRET: Final = "whsec_"  # noqa: S105 - a prefix
PUBLIC: Final = "whpk_"
SHORTEST: Final = 24  # bytes of a secret
LONGEST: Final = 64
TOLERANCE: Final = 300  # seconds between the sender's clock and ours
BODY_BYTES: Final = 20_000
_SIGNATURES: Final = 16  # of one delivery that are looked at: two keys while they are changed, and others' schemes
_TIME: Final = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Event:
    """One delivery. `id` stays the same however often it comes: what came before is no news.

    `notification`: its number, for `Registry.notifications` and `Registry.answer`.
    """

    id: str
    type: str
    notification: str


def verify(headers: Mapping[str, str], body: bytes, secret: str, *, clock: Callable[[], float] = time.time) -> Event:
    """The event, if this secret's (`whsec_…`) or public key's (`whpk_…`) owner sent just these bytes just now.

    `body` as it came, before anything parsed it. Raises Malformed, BadSignature, or Stale where it is more than five
    minutes old or ahead.
    """
    given = {name.lower(): value for name, value in headers.items()}
    name, moment, signatures = (_header(given, f"webhook-{each}") for each in ("id", "timestamp", "signature"))
    if not _TIME.fullmatch(moment):
        raise Malformed("webhook-timestamp is not a whole number of seconds")
    if len(body) > BODY_BYTES:
        raise Malformed(f"a webhook has at most {BODY_BYTES} bytes")
    holds = _verifier(secret)
    signed = _signed(name, int(moment), body)
    if not any(holds(scheme, each, signed) for scheme, each in _listed(signatures)):
        raise BadSignature("the webhook was not signed with this secret, or was altered on the way")
    if abs(clock() - int(moment)) > TOLERANCE:
        raise Stale(
            "the webhook is more than five minutes old or ahead: look at this machine's clock, or it was replayed"
        )
    return _event(name, body)


def sign(name: str, moment: int, body: bytes, *, pairs: Sequence[tuple[bytes, Ed25519PrivateKey]]) -> dict[str, str]:
    """The three headers of one attempt at this second; two signatures for each pair of secret and key.

    Several pairs while one takes the place of another: whoever verifies takes the one that it knows.
    """
    signed = _signed(name, moment, body)
    both = [
        each
        for secret, key in pairs
        for each in (("v1", hmac.digest(_sized(secret), signed, "sha256")), ("v1a", key.sign(signed)))
    ]
    return {
        "webhook-id": name,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(f"{scheme},{base64.b64encode(each).decode()}" for scheme, each in both),
    }


def secret_text(secret: bytes) -> str:
    """As it is given to whoever receives. Raises Malformed unless it has 24 to 64 bytes."""
    return SECRET + base64.b64encode(_sized(secret)).decode()


def public_text(key: Ed25519PublicKey) -> str:
    """The same of a public key."""
    return PUBLIC + base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def _signed(name: str, moment: int, body: bytes) -> bytes:
    return b".".join((name.encode(), str(moment).encode(), body))


def _sized(secret: bytes) -> bytes:
    if not SHORTEST <= len(secret) <= LONGEST:
        raise Malformed(f"a webhook's secret has {SHORTEST} to {LONGEST} bytes, this one has {len(secret)}")
    return secret


def _verifier(secret: str) -> Callable[[str, bytes, bytes], bool]:
    """Says of (scheme, signature, what was signed) whether it holds."""
    if secret.startswith(PUBLIC):
        try:
            public = Ed25519PublicKey.from_public_bytes(_decoded(secret.removeprefix(PUBLIC)))
        except ValueError as error:  # not 32 bytes
            raise Malformed("a webhook's public key has 32 bytes") from error
        return lambda scheme, signature, signed: scheme == "v1a" and _holds(public, signature, signed)
    if not secret.startswith(SECRET):
        raise Malformed(f"a webhook's secret begins with {SECRET}, its public key with {PUBLIC}")
    shared = _sized(_decoded(secret.removeprefix(SECRET)))
    return lambda scheme, signature, signed: (
        scheme == "v1" and hmac.compare_digest(hmac.digest(shared, signed, hashlib.sha256), signature)
    )


def _holds(public: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        public.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("what follows the prefix of a webhook's secret is not base64") from error


def _listed(header: str) -> list[tuple[str, bytes]]:
    """What cannot be read is not ours: other schemes may stand beside."""
    found = []
    for each in header.split(" ")[:_SIGNATURES]:
        scheme, _, signature = each.partition(",")
        try:
            found.append((scheme, base64.b64decode(signature, validate=True)))
        except (binascii.Error, ValueError):
            continue
    return found


def _header(given: Mapping[str, str], name: str) -> str:
    value = given.get(name)
    if not value:
        raise Malformed(f"the header {name} is missing: this is no webhook")
    return value


def _event(name: str, body: bytes) -> Event:
    """Raises Malformed for what is signed and yet no event: of another sender, or of a newer registry."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("the webhook's body is not JSON") from error
    data = said.get("data") if isinstance(said, dict) else None
    number = canonical.text(data.get("id") if isinstance(data, dict) else None)
    if not UUID.fullmatch(number):
        raise Malformed("the webhook names no notification")
    return Event(name, canonical.text(said.get("type")), number)
