"""Reject an image: its bytes cannot be decoded as a picture that we take."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.models import Image
from registry.rules.items import Item
from registry.rules.lifecycle import ImageMove, ImageState, after


@transaction.atomic(durable=True)
def reject(image: UUID, *, slug: str, at: datetime) -> Recorded | None:
    """Keep the reason, which its contributor can read; None when the image was already decided."""
    Image.objects.lock_closure([image])  # what was derived from it is restated with it
    locked = Image.objects.get(id=image)
    if locked.state != ImageState.SUBMITTED:
        return None
    act = Act.begin(Kind.IMAGE_REJECTED, at=at)
    locked.state = after(ImageState(locked.state), ImageMove.REJECT)
    locked.rejection = slug
    locked.claimed_until = None
    locked.save(update_fields=["state", "rejection", "claimed_until"])
    return record(act, [Item("rejected", image=image, person=locked.contributor_id, particulars={"reason": slug})])
