"""The queue of images that wait for fingerprints: their state is the queue."""

from datetime import datetime
from uuid import UUID

from registry.models import Image
from registry.models.images import ATTEMPTS


def waiting(*, at: datetime, limit: int) -> list[UUID]:
    """Images that nobody is working on, oldest first."""
    found = Image.objects.waiting(at).filter(attempts__lt=ATTEMPTS).order_by("submitted_at")
    return list(found.values_list("id", flat=True)[:limit])


def exhausted(*, at: datetime, limit: int) -> list[UUID]:
    """Images whose every attempt ended with the decoder's death."""
    found = Image.objects.waiting(at).filter(attempts__gte=ATTEMPTS).order_by("submitted_at")
    return list(found.values_list("id", flat=True)[:limit])
