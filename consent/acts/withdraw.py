"""Withdraw: a person takes back. It needs PostgreSQL alone (law 9) and is always accepted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from consent.acts.chosen import Chosen, lock, theirs
from consent.acts.open_case import Matter, open_case
from consent.errors import IdempotencyMismatch
from consent.models import Withdrawal, WithdrawalLine
from consent.rules.lifecycle import GrantMove, GrantState, grant_after
from consent.rules.purposes import bits_of, in_order
from consentkit import canonical
from consentkit.entries import Kind
from consentkit.scopes import PURPOSES
from registry.log.recorder import Act, record
from registry.models import Entry
from registry.models.bulk import insert_many
from registry.rules.items import Item

# Held images of this person that a dispute has not followed yet.
HELD: Final = """
    SELECT id, sha256 FROM registry_image image
    WHERE id = ANY(%(images)s::uuid[]) AND held AND contributor_id = %(person)s AND NOT EXISTS (
        SELECT FROM consent_withdrawalline JOIN consent_withdrawal ON serial = withdrawal_id
        WHERE image_id = image.id AND person_id = %(person)s AND in_force > 0
    )
"""
END_LINES: Final = """
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


def withdraw(person: UUID, *, withdrawing: Withdrawing, at: datetime, idempotency_key: str | None = None) -> Withdrawn:
    """Law 2: no answer begun after this returns says "permitted" for what it covers, until a newer grant.

    Where this person's copy is held because somebody else brought the same bytes first, the others are restricted
    by an act of its own, before. A crash between the two leaves them restricted: the safe side.
    """
    purposes = in_order(withdrawing.purposes)
    images = theirs(person, withdrawing.images)  # refused before anything is written
    _by_key(person, withdrawing, idempotency_key)
    for image, sha256 in _held(person, images):
        open_case(Matter.dispute(image, sha256=sha256), claimant=str(person), at=at)
    return _withdraw(person, withdrawing, purposes, at, idempotency_key)


def _held(person: UUID, images: list[UUID]) -> list[tuple[UUID, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"person": person, "images": images})
        found: list[tuple[UUID, bytes]] = cursor.fetchall()
    return found


@transaction.atomic(durable=True)
def _withdraw(
    person: UUID, withdrawing: Withdrawing, purposes: list[str], at: datetime, idempotency_key: str | None
) -> Withdrawn:
    images = lock(person, withdrawing.images)
    used = _by_key(person, withdrawing, idempotency_key)
    known = _exact_repeat(person, images, purposes)
    if known is not None:
        return Withdrawn(known.id, Entry.objects.get(act=known.act).index, repeated=True)
    act = Act.begin(Kind.WITHDRAWN, at=at)
    withdrawal = Withdrawal(
        person_id=person,
        scope_digest=_scope_digest(images, purposes),
        recorded_at=at,
        act=act.id,
        idempotency_key=None if used else idempotency_key,
        request_digest=withdrawing.digest(),
    )
    withdrawal.save(force_insert=True)
    _protect(withdrawal, images, purposes)
    _end_lines(person, images, purposes)
    recorded = record(act, _items(withdrawal, images, purposes))
    return Withdrawn(withdrawal.id, recorded.index)


def _by_key(person: UUID, withdrawing: Withdrawing, key: str | None) -> Withdrawal | None:
    """The withdrawal of this key. It only refuses another use of the key: whether the same words are a repeat is told
    by what they cover now, because a picture may have come, or been granted, since (law 2)."""
    known = Withdrawal.objects.filter(person=person, idempotency_key=key).first() if key else None
    if known is not None and bytes(known.request_digest) != withdrawing.digest():
        raise IdempotencyMismatch("This Idempotency-Key was used for another withdrawal. Use a new one.")
    return known


def _exact_repeat(person: UUID, images: Sequence[UUID], purposes: list[str]) -> Withdrawal | None:
    """The newest withdrawal of just this, if no grant has come since on any of it."""
    same = Withdrawal.objects.filter(person=person, scope_digest=_scope_digest(images, purposes))
    known = same.order_by("-serial").first()
    if known is None:
        return None
    return known if _still_protected(known, purposes) else None


def _still_protected(known: Withdrawal, purposes: list[str]) -> bool:
    """A grant lifts bits of the lines before it, so whole lines are the proof that none came."""
    return not known.lines.exclude(in_force=bits_of(purposes)).exists()


def _scope_digest(images: Sequence[UUID], purposes: list[str]) -> bytes:
    said = b"".join(image.bytes for image in images) + ",".join(purposes).encode()
    return hashlib.sha256(said).digest()


def _protect(withdrawal: Withdrawal, images: Sequence[UUID], purposes: list[str]) -> None:
    bits = bits_of(purposes)
    lines = ((withdrawal.serial, image, bits) for image in images)
    insert_many(WithdrawalLine, ("withdrawal_id", "image_id", "in_force"), lines)


def _end_lines(person: UUID, images: list[UUID], purposes: list[str]) -> None:
    positions = [PURPOSES.index(purpose) for purpose in purposes]
    after = grant_after(GrantState.GIVEN, GrantMove.WITHDRAW)
    with connection.cursor() as cursor:
        cursor.execute(
            END_LINES,
            {"person": person, "images": images, "purposes": positions, "given": GrantState.GIVEN, "after": after},
        )


def _items(withdrawal: Withdrawal, images: Sequence[UUID], purposes: list[str]) -> list[Item]:
    """One for each image; a person with none still leaves word that they withdrew."""
    said = {"purposes": purposes, "withdrawal": str(withdrawal.id)}
    if not images:
        return [Item("withdrew", person=withdrawal.person_id, particulars=said)]
    return [Item("withdrawn", image=image, person=withdrawal.person_id, particulars=said) for image in images]
