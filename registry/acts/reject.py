"""Reject a bringing: its bytes cannot be decoded as a picture that we take."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.models import Bringing, Image
from registry.rules.items import Item
from registry.rules.lifecycle import ImageMove, ImageState, after


@transaction.atomic(durable=True)
def reject(image: UUID, *, person: UUID, slug: str, at: datetime) -> Recorded | None:
    """Keep the reason, which whoever brought it can read; None when theirs was already decided.

    The image is rejected with the last who waits for it, unless it was read for somebody before.
    """
    Image.objects.lock_closure([image])  # what was derived from it is restated with it
    bringing = Bringing.objects.get(image=image, person=person)
    if bringing.state != ImageState.SUBMITTED:
        return None
    act = Act.begin(Kind.IMAGE_REJECTED, at=at)
    bringing.state = after(ImageState(bringing.state), ImageMove.REJECT)
    bringing.rejection = slug
    bringing.save(update_fields=["state", "rejection"])
    if not Bringing.objects.filter(image=image).exclude(state=ImageState.REJECTED).exists():
        locked = Image.objects.get(id=image)
        locked.state = ImageState.REJECTED
        locked.save(update_fields=["state"])
    return record(act, [Item("rejected", image=image, person=person, particulars={"reason": slug})])
