"""What one key's feed is: a collection and some scopes; its totals, and the close that signs them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from consent.models import FeedTotal
from consent.rules.purposes import bits_of
from consentkit.closes import Close, sign_close
from consentkit.scopes import FEED_MODULUS, scope
from registry.log.signer import origin, signer

LASTS: Final = 7 * 24 * 60 * 60  # seconds from `issued_at` to `not_after`

# The bound on the index alone lets the database begin at that entry; a comparison of pairs across tables does not.
CHANGED: Final = """
    registry_entry entry JOIN consent_standing standing USING (act)
    WHERE entry.index >= %(index)s AND standing.collection_id = %(collection)s
"""
"""SQL: the feed's rows whose last act is at this index or behind it."""


@dataclass(frozen=True)
class Feed:
    """The rows of a collection's images, for these purposes (in their order) and this audience."""

    collection: UUID
    purposes: tuple[str, ...]
    audience: str

    @property
    def scopes(self) -> tuple[int, ...]:
        return tuple(scope(purpose, self.audience) for purpose in self.purposes)

    @property
    def bits(self) -> int:
        return bits_of(self.purposes, audiences=[self.audience])

    @property
    def identity(self) -> bytes:
        """32 bytes: this log, this collection, these scopes, and no other."""
        named = f"{origin()}\n{self.collection}\n{self.bits}\n"
        return hashlib.sha256(named.encode()).digest()


@dataclass(frozen=True)
class Totals:
    """How many images the feed has, and the sum of its rows' digests (64 hex)."""

    count: int
    digest: str


def totals(feed: Feed) -> Totals:
    """As every act kept them; read in the transaction of the rows that they must agree with."""
    found = list(FeedTotal.objects.filter(collection=feed.collection, scope__in=feed.scopes))
    total = sum(int(each.total) for each in found) % FEED_MODULUS
    return Totals(max((each.count for each in found), default=0), f"{total:064x}")


def close(of: Totals, *, size: int, cursor: str, at: datetime) -> str:
    """The signed end of a snapshot or of a delta's last page."""
    issued_at = int(at.timestamp())
    return sign_close(
        Close(size, of.count, of.digest, cursor=cursor, issued_at=issued_at, not_after=issued_at + LASTS),
        signer(),
    )


def columns(feed: Feed) -> str:
    """SQL: `until` and `reason` of each of the feed's scopes, in turn; 0 where there is none. Only numbers go in."""
    return ", ".join(f"coalesce(until[{at + 1}], 0), coalesce(reason[{at + 1}], 0)::smallint" for at in feed.scopes)
