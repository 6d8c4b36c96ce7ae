"""Submit an image: hand bytes in. They are fingerprinted later; nothing is permitted by submitting."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import connection, transaction

from consentkit.entries import Kind
from registry.errors import NotFound
from registry.log.recorder import Act, record
from registry.models import Collection, Depiction, Derivation, Image, Person, Source
from registry.rules.items import Item
from registry.rules.lifecycle import ImageState


class Shown(StrEnum):
    """Whom a role refers to, as the contributor states it."""

    SELF = "self"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Bytes:
    """What the door measured while the bytes streamed in, already stored under `image`."""

    image: UUID
    sha256: bytes
    length: int
    media_type: str


@dataclass(frozen=True)
class Statement:
    """What the contributor says of the picture."""

    depicts: Shown = Shown.SELF
    photographer: Shown = Shown.UNKNOWN
    collection: UUID | None = None
    derived_from: UUID | None = None


@dataclass(frozen=True)
class Submitted:
    """The image; `created` is False where this person had brought the same bytes before."""

    image: UUID
    sha256: bytes
    state: ImageState
    created: bool


@transaction.atomic(durable=True)
def submit(person: UUID, *, brought: Bytes, statement: Statement, at: datetime) -> Submitted:
    """Keep the image and its provenance; the same bytes again by the same person are the same image.

    The same bytes from somebody else make an image of their own, held: it reads unfingerprinted and is in no feed
    until a case decides. A crash before the commit leaves an original without a row, and nothing else.
    """
    Person.objects.locked(person)
    known = Image.objects.filter(contributor_id=person, sha256=brought.sha256).first()
    if known is not None:
        return Submitted(known.id, bytes(known.sha256), ImageState(known.state), created=False)
    act = Act.begin(Kind.IMAGE_SUBMITTED, at=at)
    collection = Collection.objects.only_one(statement.collection)
    image = Image(
        id=brought.image,
        collection_id=collection,
        contributor_id=person,
        photographer_id=person if statement.photographer is Shown.SELF else None,
        sha256=brought.sha256,
        length=brought.length,
        media_type=brought.media_type,
        held=_came_from_somebody_else(brought.sha256),
        submitted_at=at,
    )
    image.save(force_insert=True)
    shows = _depict(image, person, statement.depicts)
    Source(image=image, kind="upload", stated_by_id=person, stated_at=at).save(force_insert=True)
    derived_from = _derive(image, person, statement.derived_from)
    record(act, [_item(image, person, shows, derived_from)])
    return Submitted(image.id, brought.sha256, ImageState.SUBMITTED, created=True)


def _came_from_somebody_else(sha256: bytes) -> bool:
    """Two who bring the same bytes at the same moment queue here, so that one of them is first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(sha256[:8], "big", signed=True)])
    return Image.objects.filter(sha256=sha256).exclude(state=ImageState.REJECTED).exists()


def _depict(image: Image, person: UUID, depicts: Shown) -> Depiction:
    shown = person if depicts is Shown.SELF else None
    depiction = Depiction(image=image, person_id=shown, confirmed=shown is not None)
    depiction.save(force_insert=True)
    return depiction


def _derive(image: Image, person: UUID, source: UUID | None) -> UUID | None:
    if source is None:
        return None
    if not Image.objects.locked().filter(id=source, contributor_id=person).exists():
        raise NotFound("There is no such image among yours to derive from.")
    Derivation(source_id=source, derived=image).save(force_insert=True)
    return source


def _item(image: Image, person: UUID, shows: Depiction, derived_from: UUID | None) -> Item:
    particulars = {
        "collection": str(image.collection_id),
        "sha256": bytes(image.sha256).hex(),
        "held": image.held,
        "depicts": str(shows.person_id) if shows.person_id else None,
        "derived_from": str(derived_from) if derived_from else None,
    }
    return Item("submitted", image=image.id, person=person, particulars=particulars)
