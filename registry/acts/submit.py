"""Submit an image: bring bytes, and state who is shown. They are decoded later; nothing is permitted by submitting."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from consentkit.entries import Kind
from registry.acts.statements import Statement, depict, derive, item, lock, stricter
from registry.errors import StatementDismissed
from registry.log.recorder import Act, record
from registry.models import Bringing, Collection, Derivation, Image, Person
from registry.models.images import subjects_of
from registry.rules.lifecycle import ImageState


@dataclass(frozen=True)
class Bytes:
    """What the door measured while the bytes streamed in, already stored under `image`."""

    image: UUID
    sha256: bytes
    length: int
    media_type: str


@dataclass(frozen=True)
class Submitted:
    """The image. `created` is False where this person had brought it before; `changed`: something was recorded.

    `stored`: the bytes are kept under the number that the door gave them, else they are there under the image's own.
    """

    image: UUID
    sha256: bytes
    state: ImageState
    created: bool
    changed: bool
    stored: bool


@transaction.atomic(durable=True)
def submit(person: UUID, *, brought: Bytes, statement: Statement, at: datetime) -> Submitted:
    """Keep the image and who brought it. The same bytes are one image of a collection, whoever brings them.

    Whoever brings bytes that are there adds somebody whose grant is missing: from this commit the image is excluded
    until they grant, too (law 1). The same person again: what is stricter applies at once, the rest is refused. A crash
    before the commit leaves an original without a row, and nothing else.

    Raises NotFound, CollectionUnclear, StatementDismissed, StatementLooser, DerivationCircle.
    """
    Person.objects.locked(person)
    collection = Collection.objects.only_one(statement.collection)
    Image.objects.lock_bytes(brought.sha256)  # of two who bring the same bytes at the same moment, one is first
    known = Image.objects.filter(collection=collection, sha256=brought.sha256).values_list("id", flat=True).first()
    lock(person, known, statement.derived_from)
    earlier = Bringing.objects.filter(image=known, person=person).first() if known else None
    if earlier is not None:
        return _again(earlier, brought, statement, at)
    act = Act.begin(Kind.IMAGE_SUBMITTED, at=at)
    image = _image(known, collection, brought, at)
    bringing = Bringing(
        image=image, person_id=person, photographer_id=person if statement.photographer else None, brought_at=at
    )
    bringing.save(force_insert=True)
    depict(bringing, statement.subjects)
    derive(bringing, statement.derived_from)
    record(act, [item("submitted", image, person, statement.subjects, statement.derived_from)])
    return Submitted(image.id, brought.sha256, ImageState.SUBMITTED, created=True, changed=True, stored=known is None)


def _image(known: UUID | None, collection: UUID, brought: Bytes, at: datetime) -> Image:
    """Waiting to be decoded for whoever brings it now, with all attempts before it."""
    if known is not None:
        image = Image.objects.get(id=known)
        image.attempts, image.claimed_until = 0, None
        image.state = ImageState.SUBMITTED if image.state == ImageState.REJECTED else image.state
        image.save(update_fields=["attempts", "claimed_until", "state"])
        return image
    image = Image(
        id=brought.image,
        collection_id=collection,
        sha256=brought.sha256,
        length=brought.length,
        media_type=brought.media_type,
        submitted_at=at,
    )
    image.save(force_insert=True)
    return image


def _again(earlier: Bringing, brought: Bytes, statement: Statement, at: datetime) -> Submitted:
    """The same bytes by the same person. One that could not be read is tried anew: it may have been the decoder."""
    if earlier.dismissed:
        raise StatementDismissed("A person looked at this picture and found that it does not show what you state.")
    image = Image.objects.get(id=earlier.image_id)
    before = subjects_of([earlier.pk])[earlier.pk]
    sources = frozenset(Derivation.objects.filter(bringing=earlier).values_list("source", flat=True))
    more = stricter(earlier, before, sources, statement)
    retried = earlier.state == ImageState.REJECTED
    if more is None and not retried:
        return _known(image, earlier, changed=False)
    act = Act.begin(Kind.STATEMENT_CORRECTED if more else Kind.IMAGE_SUBMITTED, at=at)
    if more is not None:
        depict(earlier, more.subjects)
        derive(earlier, more.derived_from - sources)
        earlier.photographer_id = earlier.person_id if more.photographer else None
        earlier.save(update_fields=["photographer"])
    if retried:
        _image(image.id, image.collection_id, brought, at)
        earlier.state, earlier.rejection = ImageState.SUBMITTED, ""
        earlier.save(update_fields=["state", "rejection"])
        image.refresh_from_db()
    now, parents = (more.subjects, more.derived_from) if more else (before, sources)
    record(act, [item("corrected", image, earlier.person_id, now, parents)])
    return _known(image, earlier, changed=True)


def _known(image: Image, earlier: Bringing, *, changed: bool) -> Submitted:
    state = ImageState(earlier.state)
    return Submitted(image.id, bytes(image.sha256), state, created=False, changed=changed, stored=False)
