"""Cursors: where a pipeline's next delta begins. Opaque to it, and authenticated, so that none can be made up.

A close's cursor is a size. A page's `next` also has a position inside the delta that began at that size.
"""

import base64
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings

from consent.errors import CursorAltered, ResyncRequired
from consent.exclusions.feed import Feed

_BODY: Final = struct.Struct(">BQ32sq16s")  # version, size, feed, last index sent or -1, last image sent
_VERSION: Final = 1
_MAC_BYTES: Final = 32
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")


@dataclass(frozen=True)
class Position:
    """The last row of a page: the index of its last act, and its image."""

    index: int
    image: UUID


@dataclass(frozen=True)
class Cursor:
    """Rows whose last act is at `size` or later; of those, the ones after `sent`."""

    size: int
    sent: Position | None = None

    @property
    def reached(self) -> int:
        """How many entries the log had, at least, when this was written."""
        return max(self.size, self.sent.index + 1 if self.sent else 0)

    def encode(self, feed: Feed) -> str:
        index, image = (self.sent.index, self.sent.image.bytes) if self.sent else (-1, bytes(16))
        body = _BODY.pack(_VERSION, self.size, feed.identity, index, image)
        return _letters(body + _mac(body, settings.SECRET_KEY))


def parse(text: str, *, feed: Feed) -> Cursor:
    """The cursor that we wrote for this feed.

    Raises CursorAltered for what we did not write, and ResyncRequired for what we wrote for another key or log.
    """
    body = _authentic(text)
    _, size, identity, index, image = _BODY.unpack(body)
    if identity != feed.identity:
        raise ResyncRequired("This cursor is of another key, purposes or log. Take a new snapshot.")
    return Cursor(size, None if index < 0 else Position(index, UUID(bytes=image)))


def _authentic(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if _readable(text) else b""
    body, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
    # Written again and compared: two texts for one cursor would be one too many.
    if len(body) != _BODY.size or not _ours(body, mac) or _letters(data) != text:
        raise CursorAltered("Send the cursor exactly as it was given: a close's `cursor` or a page's `next`.")
    return body


def _readable(text: str) -> bool:
    """In the alphabet, and of a length that base64 can have."""
    return _FORM.fullmatch(text) is not None and len(text) % 4 != 1


def _letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _ours(body: bytes, mac: bytes) -> bool:
    """By the secret of now, or one that it took the place of and that still counts."""
    return any(
        hmac.compare_digest(mac, _mac(body, secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )


def _mac(body: bytes, secret: str) -> bytes:
    key = hashlib.sha256(b"cursor\n" + secret.encode()).digest()
    return hmac.digest(key, body, "sha256")
