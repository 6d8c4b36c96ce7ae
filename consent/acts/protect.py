"""Protect an image: keep the views by which its copies are found. No consent changes; the log has no entry."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.models import Protection
from consent.models.protections import next_serial


@transaction.atomic(durable=True)
def protect(image: UUID, *, version: int, views: bytes) -> bool:
    """From its commit every answer finds copies. False where nothing waited for these views."""
    serial = next_serial()
    waiting = Protection.objects.all().waiting().filter(image=image, version=version)
    return bool(waiting.update(views=views, serial=serial))


def searched(image: UUID, *, serial: int, at: datetime) -> None:
    """Cases and notifications are written for the copies of it. Protected anew meanwhile, it still waits."""
    Protection.objects.filter(image=image, serial=serial).update(searched_at=at)
