"""The one way to write: every act ends here.

Invariants
  * One entry an act, in the act's own transaction (law 3); index dense and in commit order.
  * The counter row and the entry are the last two statements, so the one global lock is held for milliseconds.
  * Projections have seen the items before the entry exists: rows and log commit together or not at all.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from django.db import connection, transaction

from consentkit.entries import Kind, Leaf, commitment
from consentkit.merkle import items_root
from registry.models import Commitment, LogHead, Opening
from registry.models.bulk import insert_many
from registry.rules.items import Item


@dataclass(frozen=True)
class Act:
    """One act before it has an index: its id is what rows refer to."""

    id: UUID
    kind: Kind
    at: datetime

    @classmethod
    def begin(cls, kind: Kind, *, at: datetime) -> "Act":
        return cls(uuid4(), kind, at)


@dataclass(frozen=True)
class Recorded:
    """What every act returns: its entry's index in the log, and when."""

    index: int
    act: UUID
    at: datetime


OPENING: Final = ("act", "position", "salt", "item", "image", "person")
COMMITMENT: Final = ("act", "position", "commitment")
COUNT: Final = "UPDATE registry_loghead SET size = size + 1 WHERE id = 1 RETURNING size - 1"
ENTER: Final = 'INSERT INTO "registry_entry" (index, act, leaf, recorded_at) VALUES (%s, %s, %s, %s)'

Projection = Callable[[Act, Sequence[Item]], None]
_projections: list[Projection] = []


def register(projection: Projection) -> None:
    """Called at start-up by tiers above: keep rows in step with the log, inside the act's transaction."""
    if projection not in _projections:
        _projections.append(projection)


def record(act: Act, items: Sequence[Item]) -> Recorded:
    """Open and commit to the items, apply them to the projections, then take the counter and write the entry."""
    if transaction.get_autocommit():
        raise transaction.TransactionManagementError("an act records inside its own transaction")
    leaf = Leaf(act.kind, int(act.at.timestamp()), items_root(_commit_to(act, items))).encode()
    for project in _projections:
        project(act, items)
    return Recorded(_append(act, leaf), act.id, act.at)


def _commit_to(act: Act, items: Sequence[Item]) -> list[bytes]:
    if not items:
        raise ValueError("an act touches at least one image or person")
    openings = [(secrets.token_bytes(32), item.encode(), item.image, item.person) for item in items]
    commitments = [commitment(salt, item) for salt, item, _, _ in openings]
    insert_many(Opening, OPENING, ((act.id, at, *opening) for at, opening in enumerate(openings)))
    insert_many(Commitment, COMMITMENT, ((act.id, at, value) for at, value in enumerate(commitments)))
    return commitments


def _append(act: Act, leaf: bytes) -> int:
    with connection.cursor() as cursor:
        cursor.execute(COUNT)
        (index,) = cursor.fetchone()
        cursor.execute(ENTER, [index, act.id, leaf, act.at])
    return int(index)


def head_size() -> int:
    """The number of entries committed, as this transaction sees it."""
    return LogHead.objects.values_list("size", flat=True).get()


def stop_the_log() -> None:
    """Take the counter for the rest of this transaction: every act waits at its end."""
    LogHead.objects.select_for_update().get()
