"""The one way to write: every act ends here.

Invariants
  * One entry an act, in the act's own transaction (law 3); index dense and in commit order.
  * The counter row and the entry are the last statement, so the one global lock is held for milliseconds.
  * Projections have seen the items before the entry exists: rows and log commit together or not at all.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction

from consentkit.entries import SALT_BYTES, Kind, Leaf, commitment
from consentkit.merkle import items_root
from registry.log.readiness import STOPPING, refuse_in_doubt
from registry.models import LogHead
from registry.models.bulk import allow_computing, ask, bytea_array, uuid_array
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


COMMIT_TO: Final = """
    INSERT INTO registry_opening (act, position, salt, item, image, person)
    SELECT %(act)s, position - 1, salt, item, image, person
    FROM unnest(%(salts)s::bytea[], %(items)s::bytea[], %(images)s::uuid[], %(persons)s::uuid[])
        WITH ORDINALITY AS opening(salt, item, image, person, position);
    INSERT INTO registry_commitment (act, position, commitment)
    SELECT %(act)s, position - 1, commitment
    FROM unnest(%(commitments)s::bytea[]) WITH ORDINALITY AS made(commitment, position)
"""
ENTER: Final = """
    WITH head AS (UPDATE registry_loghead SET size = size + 1 WHERE id = 1 RETURNING size - 1 AS index)
    INSERT INTO registry_entry (index, act, leaf, recorded_at)
    SELECT index, %(act)s, %(leaf)s, %(at)s FROM head RETURNING index
"""

Projection = Callable[[Act, Sequence[Item]], None]
_projections: list[Projection] = []


def register(projection: Projection) -> None:
    """Called at start-up by tiers above: keep rows in step with the log, inside the act's transaction."""
    if projection not in _projections:
        _projections.append(projection)


def record(act: Act, items: Sequence[Item]) -> Recorded:
    """Open and commit to the items, apply them to the projections, then take the counter and write the entry.

    Raises LogInDoubt, unless the act is one that stops a use.
    """
    if transaction.get_autocommit():
        raise transaction.TransactionManagementError("an act records inside its own transaction")
    if act.kind not in STOPPING:
        refuse_in_doubt(act.at)
    allow_computing(len(items))
    leaf = Leaf(act.kind, int(act.at.timestamp()), items_root(_commit_to(act, items))).encode()
    for project in _projections:
        project(act, items)
    return Recorded(_append(act, leaf), act.id, act.at)


def _commit_to(act: Act, items: Sequence[Item]) -> list[bytes]:
    if not items:
        raise ValueError("an act touches at least one image or person")
    salts = [secrets.token_bytes(SALT_BYTES) for _ in items]
    encoded = [item.encode() for item in items]
    commitments = [commitment(salt, item) for salt, item in zip(salts, encoded, strict=True)]
    parameters = {
        "act": act.id,
        "salts": bytea_array(salts),
        "items": bytea_array(encoded),
        "images": uuid_array(item.image for item in items),
        "persons": uuid_array(item.person for item in items),
        "commitments": bytea_array(commitments),
    }
    ask(COMMIT_TO, parameters)
    return commitments


def _append(act: Act, leaf: bytes) -> int:
    ((number,),) = ask(ENTER, {"act": act.id, "leaf": leaf, "at": act.at})
    return int(number[0])


def head_size() -> int:
    """The number of entries committed, as this transaction sees it."""
    return LogHead.objects.values_list("size", flat=True).get()


def stop_the_log() -> None:
    """Take the counter for the rest of this transaction: every act waits at its end."""
    LogHead.objects.select_for_update().get()
