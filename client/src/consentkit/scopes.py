"""Purposes, audiences, the reasons a pipeline sees, and the digest of one row of its feed.

Every position here is written into signed digests and stored standings: append, never reorder or remove.
"""

import hashlib
import struct
from typing import Final

from consentkit.errors import Malformed

PURPOSES: Final[tuple[str, ...]] = (
    "ai_training",
    "ai_generative_training",
    "ai_inference",
    "data_mining",
    "evaluation",
)
AUDIENCES: Final[tuple[str, ...]] = ("research", "commercial")
SCOPES: Final = len(PURPOSES) * len(AUDIENCES)
WIRE_REASONS: Final[tuple[str | None, ...]] = (None, "remove", "wait", "not_covered", "unknown")
FEED_MODULUS: Final = 2**256
"""A feed's digest is the sum of its rows' digests modulo this."""

_IMAGE_BYTES: Final = 16
_SHA256_BYTES: Final = 32
_TAIL: Final = struct.Struct(">BBQB")


def scope(purpose: str, audience: str) -> int:
    """The number of a scope, 0 to SCOPES - 1. Raises Malformed for a name that is not one of ours."""
    if purpose not in PURPOSES or audience not in AUDIENCES:
        raise Malformed(f"no such scope: {purpose} for {audience}")
    return PURPOSES.index(purpose) * len(AUDIENCES) + AUDIENCES.index(audience)


def wire_code(reason: str | None) -> int:
    """The position of a reason that a pipeline may see. Raises Malformed for any other."""
    if reason not in WIRE_REASONS:
        raise Malformed(f"no such reason: {reason}")
    return WIRE_REASONS.index(reason)


def row_digest(image: bytes, sha256: bytes, scope: int, until: int | None, reason: str | None) -> int:
    """What one image adds to a feed's digest for one scope; `until` in Unix seconds, 1 or more.

    SHA-256, as a number, of image 16 ‖ sha256 32 ‖ purpose position 1 ‖ audience position 1 ‖ until or 0,
    big-endian 8 ‖ reason code 1.
    """
    if len(image) != _IMAGE_BYTES or len(sha256) != _SHA256_BYTES:
        raise Malformed("an image id has 16 bytes and a digest 32")
    return digest_of(image + sha256, row_tail(scope, until, reason))


def row_tail(scope: int, until: int | None, reason: str | None) -> bytes:
    """The last 11 bytes of a row, which many images share."""
    purpose, audience = divmod(scope, len(AUDIENCES))
    return _TAIL.pack(purpose, audience, until or 0, wire_code(reason))


def digest_of(image_and_sha256: bytes, tail: bytes) -> int:
    """The digest of a row from its first 48 bytes and its tail."""
    return int.from_bytes(hashlib.sha256(image_and_sha256 + tail).digest(), "big")
