"""Register an image: its fingerprints are accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from consentkit.entries import Kind
from consentkit.fingerprints import Fingerprint as Computed
from registry.log.recorder import Act, Recorded, record
from registry.models import Fingerprint, Image
from registry.rules.items import Item
from registry.rules.lifecycle import ImageMove, ImageState, after


@dataclass(frozen=True)
class Measured:
    """What the decoder found: sides in pixels as shown upright, and the fingerprints."""

    width: int
    height: int
    fingerprints: Sequence[Computed]


@transaction.atomic(durable=True)
def register(image: UUID, *, measured: Measured, at: datetime) -> Recorded | None:
    """Accept the fingerprints; None when the image was already decided (a message delivered twice)."""
    return registered(image, measured=measured, at=at)


def registered(image: UUID, *, measured: Measured, at: datetime) -> Recorded | None:
    """The same inside a transaction that the caller opened, as its last deed."""
    Image.objects.lock_closure([image])  # what was derived from it is restated with it
    locked = Image.objects.get(id=image)
    if locked.state != ImageState.SUBMITTED:
        return None
    act = Act.begin(Kind.IMAGE_REGISTERED, at=at)
    locked.state = after(ImageState(locked.state), ImageMove.REGISTER)
    locked.width, locked.height = measured.width, measured.height
    locked.claimed_until = None
    locked.save(update_fields=["state", "width", "height", "claimed_until"])
    Fingerprint.objects.bulk_create(
        [
            Fingerprint(image=locked, algorithm=f.algorithm, version=f.version, bits=f.bits)
            for f in measured.fingerprints
        ]
    )
    return record(act, [Item("registered", image=image, person=locked.contributor_id)])
