"""Withdraw: a person takes back. It needs PostgreSQL alone (law 9) and is always accepted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction

from consent.acts.chosen import Chosen, lock
from consent.errors import IdempotencyMismatch
from consent.models import Withdrawal
from consent.rules.lifecycle import GrantMove, GrantState, grant_after
from consent.rules.purposes import bits_of, in_order
from consentkit import canonical
from consentkit.entries import Kind
from consentkit.scopes import PURPOSES
from registry.log.recorder import Act, record
from registry.models import Entry
from registry.models.bulk import ask, uuid_array
from registry.rules.items import Item

REPEATED: Final = """
    SELECT id, act, EXISTS (SELECT FROM consent_withdrawalline WHERE withdrawal_id = serial AND in_force <> %(bits)s)
    FROM consent_withdrawal WHERE person_id = %(person)s AND scope_digest = %(scope_digest)s
    ORDER BY serial DESC LIMIT 1
"""
WITHDRAW: Final = """
    WITH withdrawal AS (
        INSERT INTO consent_withdrawal
            (id, person_id, scope_digest, recorded_at, act, idempotency_key, request_digest)
        VALUES (%(id)s, %(person)s, %(scope_digest)s, %(at)s, %(act)s, %(key)s, %(request_digest)s)
        RETURNING serial
    )
    INSERT INTO consent_withdrawalline (withdrawal_id, image_id, in_force)
    SELECT serial, image, %(bits)s FROM withdrawal, unnest(%(images)s::uuid[]) AS image;
    UPDATE consent_grantline line SET state = %(after)s
    FROM consent_grant given
    WHERE given.serial = line.grant_id AND given.person_id = %(person)s AND line.image_id = ANY(%(images)s::uuid[])
        AND line.purpose = ANY(%(purposes)s::smallint[]) AND line.state = %(given)s
"""


@dataclass(frozen=True)
class Withdrawing:
    """What is withdrawn: images, and purposes for every audience."""

    images: Chosen
    purposes: tuple[str, ...] = PURPOSES

    def digest(self) -> bytes:
        """What a repeated Idempotency-Key must repeat."""
        images = self.images if self.images == "all" else sorted(str(image) for image in self.images)
        return hashlib.sha256(canonical.encode({"images": images, "purposes": sorted(self.purposes)})).digest()


@dataclass(frozen=True)
class Withdrawn:
    """The withdrawal's number and its entry's index; `repeated` when nothing new had to be recorded."""

    withdrawal: UUID
    index: int
    repeated: bool = False


@transaction.atomic(durable=True)
def withdraw(person: UUID, *, withdrawing: Withdrawing, at: datetime, idempotency_key: str | None = None) -> Withdrawn:
    """Law 2: no answer begun after this returns says "permitted" for what it covers, until a newer grant.

    The bytes are one image, whoever else brought them: what one person stops is stopped, whole.
    """
    purposes = in_order(withdrawing.purposes)
    images = lock(person, withdrawing.images)
    used = _by_key(person, withdrawing, idempotency_key)
    known = _exact_repeat(person, images, purposes)
    if known is not None:
        withdrawal, its_act = known
        return Withdrawn(withdrawal, Entry.objects.get(act=its_act).index, repeated=True)
    act, withdrawal = Act.begin(Kind.WITHDRAWN, at=at), uuid4()
    said = {
        "id": withdrawal,
        "person": person,
        "scope_digest": _scope_digest(images, purposes),
        "at": at,
        "act": act.id,
        "key": None if used else idempotency_key,
        "request_digest": withdrawing.digest(),
    }
    ask(WITHDRAW, said | _scope(images, purposes))
    recorded = record(act, _items(withdrawal, person, images, purposes))
    return Withdrawn(withdrawal, recorded.index)


def _by_key(person: UUID, withdrawing: Withdrawing, key: str | None) -> Withdrawal | None:
    """The withdrawal of this key. It only refuses another use of the key: whether the same words are a repeat is told
    by what they cover now, because a picture may have come, or been granted, since (law 2)."""
    known = Withdrawal.objects.filter(person=person, idempotency_key=key).first() if key else None
    if known is not None and bytes(known.request_digest) != withdrawing.digest():
        raise IdempotencyMismatch("This Idempotency-Key was used for another withdrawal. Use a new one.")
    return known


def _exact_repeat(person: UUID, images: Sequence[UUID], purposes: list[str]) -> tuple[UUID, UUID] | None:
    """Number and act of the newest withdrawal of just this, if no grant has come since on any of it.

    A grant lifts bits of the lines before it, so whole lines are the proof that none came.
    """
    asked = {"person": person, "scope_digest": _scope_digest(images, purposes), "bits": bits_of(purposes)}
    (found,) = ask(REPEATED, asked)
    return next(((known, act) for known, act, lifted in found if not lifted), None)


def _scope_digest(images: Sequence[UUID], purposes: list[str]) -> bytes:
    said = b"".join(image.bytes for image in images) + ",".join(purposes).encode()
    return hashlib.sha256(said).digest()


def _scope(images: Sequence[UUID], purposes: list[str]) -> dict[str, object]:
    """What the lines say: of the withdrawal, a bit a scope; of the grants that it ends, one a purpose."""
    return {
        "images": uuid_array(images),
        "bits": bits_of(purposes),
        "purposes": [PURPOSES.index(purpose) for purpose in purposes],
        "given": GrantState.GIVEN,
        "after": grant_after(GrantState.GIVEN, GrantMove.WITHDRAW),
    }


def _items(withdrawal: UUID, person: UUID, images: Sequence[UUID], purposes: list[str]) -> list[Item]:
    """One for each image; a person with none still leaves word that they withdrew."""
    said = {"purposes": purposes, "withdrawal": str(withdrawal)}
    if not images:
        return [Item("withdrew", person=person, particulars=said)]
    return [Item("withdrawn", image=image, person=person, particulars=said) for image in images]
