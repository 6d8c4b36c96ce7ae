"""What a claimant may suspend of other people's before a person looks, and how a case holds what it found."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import CharField
from django.db.models.functions import Cast

from consent.models import Case, CaseImage
from consent.rules.lifecycle import Hold
from consent.rules.likeness import Likeness
from registry.rules.items import Item

REACH: Final = 3  # images of others that one claimant may suspend in WINDOW before a person looks
WINDOW: Final = timedelta(days=1)


def one_at_a_time(claimant: str) -> None:
    """Two acts of one claimant at the same moment would both find the quota unused."""
    key = int.from_bytes(hashlib.sha256(claimant.lower().encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def reach_left(claimant: str, at: datetime) -> int:
    """How many more different images this claimant may suspend now; their own uploads do not count."""
    recent = CaseImage.objects.filter(case__contact__iexact=claimant, held_at__gt=at - WINDOW)
    others = recent.exclude(hold=Hold.NOTED).exclude(case__kind="copy", case__asked=Cast("image", CharField()))
    return max(0, REACH - others.values("image").distinct().count())


def hold(
    case: Case, images: Sequence[UUID], *, measured: Mapping[UUID, Likeness], reach: int, at: datetime
) -> list[Item]:
    """Restrict the first `reach` of these locked images and note the others; the items that say so."""
    held = [
        _held(case, image, measured.get(image), Hold.RESTRICTED if number < reach else Hold.NOTED, at)
        for number, image in enumerate(images)
    ]
    CaseImage.objects.bulk_create(held)
    said = {"case": str(case.id)}
    return [Item(each.hold, image=each.image_id, particulars=said) for each in held]


def _held(case: Case, image: UUID, measured: Likeness | None, as_: Hold, at: datetime) -> CaseImage:
    held = CaseImage(case=case, image_id=image, hold=as_, held_at=at)
    if measured is not None:
        held.of_id, held.distance = measured.of, measured.distance
        held.alteration, held.likeness = measured.alteration, measured.likeness
    return held
