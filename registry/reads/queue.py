"""The queue of images that wait to be decoded: the state of each bringing is the queue."""

from datetime import datetime
from uuid import UUID

from registry.models import Bringing, Image
from registry.models.images import ATTEMPTS
from registry.rules.lifecycle import ImageState


def waiting(*, at: datetime, limit: int) -> list[UUID]:
    """Images that nobody is working on, oldest first."""
    found = Image.objects.waiting(at).filter(attempts__lt=ATTEMPTS).order_by("submitted_at")
    return list(found.values_list("id", flat=True)[:limit])


def exhausted(*, at: datetime, limit: int) -> list[UUID]:
    """Images whose every attempt ended with the decoder's death."""
    found = Image.objects.waiting(at).filter(attempts__gte=ATTEMPTS).order_by("submitted_at")
    return list(found.values_list("id", flat=True)[:limit])


def bringers(image: UUID) -> list[UUID]:
    """For whom an image waits to be decoded, the first first."""
    waiting = Bringing.objects.filter(image=image, state=ImageState.SUBMITTED).order_by("brought_at", "id")
    return list(waiting.values_list("person", flat=True))
