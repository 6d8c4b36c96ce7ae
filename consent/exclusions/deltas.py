"""Deltas: what has changed since a size, in pages of (last act's index, image).

A row that changes while pages are fetched moves behind all that was sent, so it comes again: a client that applies
all pages, or none, has every row as it was at the close.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from consent.errors import ResyncRequired
from consent.exclusions import cursors
from consent.exclusions.cursors import Cursor, Position
from consent.exclusions.feed import CHANGED, Feed, close, columns, totals
from consent.rules.reasons import Reason, wire
from registry.log.lost import write_down
from registry.log.readiness import LogInDoubt, doubt_since, kept_outside
from registry.reads.size import at_one_size

PAGE: Final = 5_000

ROWS: Final = """
    SELECT entry.index, standing.image_id, encode(standing.sha256, 'hex'), {columns}
    FROM {changed} AND (entry.index, standing.image_id) > (%(index)s, %(image)s)
    ORDER BY entry.index, standing.image_id LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Delta:
    """One page, true at `size`, of what changed from `since` on: its rows, then `next` or `close`.

    `passed`: the size that a close's cursor says the asker has.
    """

    rows: list[dict[str, str | int | None]]
    next: str | None
    close: str | None
    passed: int | None
    since: int
    size: int

    @property
    def news(self) -> bool:
        """Whether it says anything that its cursor does not. Where nothing changed, that nothing did is news too."""
        return bool(self.rows) or self.size > self.since


def delta(feed: Feed, *, since: str, at: datetime) -> Delta:
    """The page behind this cursor. Raises CursorAltered, ResyncRequired, LogInDoubt.

    A cursor that is ours and ahead of the log is written down: entries that somebody was told of are lost.
    """
    cursor = cursors.parse(since, feed=feed)
    kept = kept_outside(at)
    with at_one_size() as size:
        if cursor.reached <= size:
            if doubted := doubt_since(kept, at=at):
                raise LogInDoubt(doubted.reason)
            return _page(feed, cursor, size=size, at=at)
    write_down(cursor.reached, at=at)
    raise ResyncRequired("This cursor is ahead of the registry. Take a new snapshot.")


def _page(feed: Feed, cursor: Cursor, *, size: int, at: datetime) -> Delta:
    found = _rows(feed, cursor)
    passed = cursor.size if cursor.sent is None else None
    rows = [_row(feed, row) for row in found]
    if len(found) < PAGE:
        end = close(totals(feed), size=size, cursor=Cursor(size).encode(feed), at=at)
        return Delta(rows, None, end, passed, cursor.size, size)
    index, image = found[-1][:2]
    following = Cursor(cursor.size, Position(index, image)).encode(feed)
    return Delta(rows, following, None, passed, cursor.size, size)


def _rows(feed: Feed, cursor: Cursor) -> list[tuple[Any, ...]]:
    # All of the act before the first: no row is behind it, because no index lies between.
    start = cursor.sent or Position(cursor.size - 1, UUID(int=2**128 - 1))
    with connection.cursor() as reading:
        reading.execute(
            ROWS.format(columns=columns(feed), changed=CHANGED),
            {"index": start.index, "image": start.image, "collection": feed.collection, "limit": PAGE},
        )
        found: list[tuple[Any, ...]] = reading.fetchall()
    return found


def _row(feed: Feed, row: tuple[Any, ...]) -> dict[str, str | int | None]:
    _, image, sha256, *terms = row
    told: dict[str, str | int | None] = {"image": str(image), "sha256": sha256}
    for position, purpose in enumerate(feed.purposes):
        until, reason = terms[2 * position : 2 * position + 2]
        told[f"{purpose}_until"] = until or None
        told[f"{purpose}_reason"] = wire(Reason(reason)) if reason else None
    return told
