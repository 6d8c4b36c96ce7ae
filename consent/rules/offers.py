"""An offer: what a page shows to somebody before they allow it, as the digest that the act compares (law 12)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consentkit import canonical


@dataclass(frozen=True)
class Offer:
    """Pictures by number, purposes, audience, end, and the SHA-256 of the notice's text (32 bytes)."""

    images: tuple[UUID, ...]
    purposes: tuple[str, ...]
    audience: str
    until: datetime
    notice: bytes

    def digest(self) -> bytes:
        """SHA-256 of RFC 8785 bytes; the order of pictures and purposes makes no difference."""
        content = {
            "audience": self.audience,
            "images": sorted(map(str, self.images)),
            "notice": self.notice.hex(),
            "purposes": sorted(self.purposes),
            "until": int(self.until.timestamp()),
        }
        return hashlib.sha256(canonical.encode(content)).digest()
