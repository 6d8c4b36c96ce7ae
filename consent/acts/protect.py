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


@transaction.atomic(durable=True)
def watch(case: UUID, *, version: int, views: bytes, at: datetime) -> None:
    """From its commit, what is registered has been compared with the picture that a request came with.

    What was registered before is searched after it, so that a copy is found from one side or from the other. Called
    again for a case, it changes nothing.
    """
    serial = next_serial()
    if not Protection.objects.filter(case=case, version=version).exists():
        Protection(case_id=case, version=version, views=views, serial=serial, searched_at=at).save(force_insert=True)
