"""Grant: a subject permits purposes to an audience, for images, until a moment, under a notice."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction

from consent.acts.chosen import Chosen, lock
from consent.errors import (
    CollectionsMixed,
    IdempotencyMismatch,
    ImageRejected,
    ImageRevoked,
    NoNotice,
    NotDepicted,
    NothingToGrant,
    NoticeNotCurrent,
    ScopeNotOffered,
    ShownDiffers,
    UntilRefused,
)
from consent.models import Grant, Notice
from consent.rules.lifecycle import GrantState, Hold
from consent.rules.offers import Offer
from consent.rules.purposes import bits_of, in_order
from consentkit import canonical
from consentkit.entries import Kind
from consentkit.scopes import PURPOSES
from registry.errors import Refusal
from registry.log.readiness import drift, refuse_grants_in_doubt
from registry.log.recorder import Act, record
from registry.models import Entry
from registry.models.bulk import ask, uuid_array
from registry.rules.items import Item
from registry.rules.lifecycle import ImageState


@dataclass(frozen=True)
class Permission:
    """What is permitted, under which notice. `until` None: to the end of the notice's term.

    `shown`: the digest of exactly what its giver saw (`consent.rules.offers`), where a page showed it.
    """

    images: Chosen
    purposes: tuple[str, ...]
    notice: UUID
    audience: str = "research"
    until: datetime | None = None
    shown: bytes | None = None

    def digest(self) -> bytes:
        """What a repeated Idempotency-Key must repeat."""
        said = {
            "audience": self.audience,
            "images": self.images if self.images == "all" else sorted(str(image) for image in self.images),
            "notice": str(self.notice),
            "purposes": sorted(self.purposes),
            "until": self.until.isoformat() if self.until else None,
        }
        return hashlib.sha256(canonical.encode(said)).digest()


@dataclass(frozen=True)
class Granted:
    """The grant's number and its entry's index; `repeated` when an Idempotency-Key found it."""

    grant: UUID
    index: int
    repeated: bool = False


@dataclass(frozen=True)
class _Candidate:
    """An image that may be grantable: whether it could be read for this person, whether they state that they are shown,
    whether the registry has revoked it since they brought it. What was revoked before is another person's matter."""

    id: UUID
    collection: UUID
    sha256: bytes
    state: str
    shown: bool
    revoked: bool


CANDIDATES: Final = """
    SELECT image.id, collection_id, sha256, coalesce(bringing.state, image.state),
        EXISTS (
            SELECT FROM registry_depiction WHERE image_id = image.id AND person_id = %(person)s AND confirmed
        ),
        EXISTS (
            SELECT FROM consent_caseimage JOIN consent_case opened ON opened.id = case_id
            WHERE image_id = image.id AND hold = %(revoked)s
                AND (bringing.brought_at IS NULL OR opened.opened_at >= bringing.brought_at)
        )
    FROM registry_image image
    LEFT JOIN registry_bringing bringing ON bringing.image_id = image.id AND bringing.person_id = %(person)s
    WHERE image.id = ANY(%(images)s::uuid[]) ORDER BY image.id
"""


GIVE: Final = """
    WITH given AS (
        INSERT INTO consent_grant
            (id, person_id, notice_id, audience, until, given_at, act, idempotency_key, request_digest)
        VALUES (%(id)s, %(person)s, %(notice)s, %(audience)s, %(until)s, %(at)s, %(act)s, %(key)s, %(request_digest)s)
        RETURNING serial
    )
    INSERT INTO consent_grantline (grant_id, image_id, purpose, state)
    SELECT serial, image, purpose, %(given)s
    FROM given, unnest(%(images)s::uuid[]) AS image, unnest(%(purposes)s::smallint[]) AS purpose;
    UPDATE consent_withdrawalline line SET in_force = in_force & ~%(bits)s
    FROM consent_withdrawal withdrawal
    WHERE withdrawal.serial = line.withdrawal_id AND withdrawal.person_id = %(person)s
        AND line.image_id = ANY(%(images)s::uuid[]) AND in_force <> 0
"""


def grant(person: UUID, *, permission: Permission, at: datetime, idempotency_key: str | None = None) -> Granted:
    """Law 1. The person's newest grant of a scope counts, even if it is shorter, and ends their withdrawal of it."""
    drift()  # looked at before anything is locked: a second, once a process
    return _grant(person, permission, at, idempotency_key)


@transaction.atomic(durable=True)
def _grant(person: UUID, permission: Permission, at: datetime, idempotency_key: str | None) -> Granted:
    chosen = lock(person, permission.images)
    if known := _repeat(person, permission, idempotency_key):
        return known
    refuse_grants_in_doubt(at)
    purposes = in_order(permission.purposes)
    images = _grantable(person, chosen, chosen_by_id=permission.images != "all")
    notice = _notice({image.collection for image in images}, permission)
    until = _until(permission.until, notice, at)
    _require_shown(permission, images, purposes, notice, until)
    act, given = Act.begin(Kind.GRANTED, at=at), uuid4()
    said = {
        "id": given,
        "person": person,
        "notice": notice.id,
        "audience": permission.audience,
        "until": until,
        "at": at,
        "act": act.id,
        "key": idempotency_key,
        "request_digest": permission.digest(),
    }
    ask(GIVE, said | _lines([image.id for image in images], purposes, permission.audience))
    particulars = {
        "audience": permission.audience,
        "grant": str(given),
        "notice": str(notice.id),
        "notice_sha256": bytes(notice.sha256).hex(),
        "purposes": purposes,
        "until": int(until.timestamp()),
    }
    items = [
        Item("granted", image=image.id, person=person, particulars={**particulars, "sha256": image.sha256.hex()})
        for image in images
    ]
    return Granted(given, record(act, items).index)


def _require_shown(
    permission: Permission, images: list[_Candidate], purposes: Sequence[str], notice: Notice, until: datetime
) -> None:
    """Law 12: what is recorded is what was on the screen, to the last picture and second."""
    if permission.shown is None:
        return
    offer = Offer(
        images=tuple(image.id for image in images),
        purposes=tuple(purposes),
        audience=permission.audience,
        until=until,
        notice=bytes(notice.sha256),
    )
    if offer.digest() != permission.shown:
        raise ShownDiffers("What you were shown is not what would be recorded now. Look at it once more.")


def _repeat(person: UUID, permission: Permission, key: str | None) -> Granted | None:
    known = Grant.objects.filter(person=person, idempotency_key=key).first() if key else None
    if known is None:
        return None
    if bytes(known.request_digest) != permission.digest():
        raise IdempotencyMismatch("This Idempotency-Key was used for another grant. Use a new one.")
    return Granted(known.id, Entry.objects.get(act=known.act).index, repeated=True)


def _grantable(person: UUID, chosen: list[UUID], *, chosen_by_id: bool) -> list[_Candidate]:
    """Chosen one by one, every image must be grantable; of `all`, those that are not are left out."""
    kept = []
    for image in _candidates(person, chosen):
        refused = _refusal(image)
        if refused is None:
            kept.append(image)
        elif chosen_by_id:
            raise refused
    if not kept:
        raise NothingToGrant("There is no image that you could grant. Add a picture of yourself first.")
    return kept


def _candidates(person: UUID, images: list[UUID]) -> list[_Candidate]:
    (found,) = ask(CANDIDATES, {"person": person, "images": uuid_array(images), "revoked": Hold.REVOKED})
    return [_Candidate(*row) for row in found]


def _refusal(image: _Candidate) -> Refusal | None:
    if not image.shown:
        return NotDepicted("Only the person shown can grant this.")
    if image.revoked:
        return ImageRevoked("The registry has revoked this image.")
    if image.state == ImageState.REJECTED:
        return ImageRejected("This picture could not be read.")
    return None


def _notice(collections: set[UUID], permission: Permission) -> Notice:
    if len(collections) > 1:
        raise CollectionsMixed("These images belong to several collections. Grant them one collection at a time.")
    current = Notice.objects.filter(collection=collections.pop()).order_by("-version").first()
    if current is None:
        raise NoNotice("This collection has not published a notice yet.")
    if permission.notice != current.id:
        raise NoticeNotCurrent("The notice has changed. Read the current one and grant again.")
    strange = [p for p in permission.purposes if p not in current.purposes]
    if strange or permission.audience not in current.audiences:
        raise ScopeNotOffered(f"The notice does not offer {strange[0] if strange else permission.audience!r}.")
    return current


def _until(asked: datetime | None, notice: Notice, at: datetime) -> datetime:
    """Whole seconds, rounded down: never longer than meant."""
    latest = (at + timedelta(days=notice.term_days)).replace(microsecond=0)
    until = asked.replace(microsecond=0) if asked else latest
    if until <= at:
        raise UntilRefused("The end lies in the past.")
    if until > latest:
        raise UntilRefused(f"The notice allows grants of at most {notice.term_days} days.")
    return until


def _lines(images: list[UUID], purposes: Sequence[str], audience: str) -> dict[str, object]:
    """What the lines say: of the grant, one a purpose; of the withdrawals that it ends in part, a bit a scope."""
    return {
        "images": uuid_array(images),
        "purposes": [PURPOSES.index(purpose) for purpose in purposes],
        "given": GrantState.GIVEN,
        "bits": bits_of(purposes, audiences=[audience]),
    }
