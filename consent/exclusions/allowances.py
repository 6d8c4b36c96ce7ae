"""How much claimants may suspend in a day before a person looks, and how much of it they have."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import F, QuerySet

from consent.models import Case, CaseImage, FeedTotal
from consent.rules.lifecycle import CaseState, Hold

REACH: Final = 100  # permitted images of others that one claimant may suspend in WINDOW before a person looks
WINDOW: Final = timedelta(days=1)
SHARE: Final = 100  # one image in so many of a collection, suspended in WINDOW by claimants whom nobody has confirmed
LEAST: Final = 1_000  # and at least so many


def reach_left(claimant: str, at: datetime) -> int:
    """How many more different permitted images this claimant may suspend now; the very bytes do not count."""
    recent = _suspended(at).filter(case__claimant=claimant).exclude(image__sha256=F("case__sha256"))
    return max(0, REACH - recent.values("image").distinct().count())


def suspended(collection: UUID, at: datetime) -> int:
    """Permitted images of a collection that claimants without an accepted case have suspended in WINDOW."""
    confirmed = Case.objects.filter(state=CaseState.FULFILLED).values("claimant")
    recent = _suspended(at).filter(image__collection=collection).exclude(case__claimant__in=confirmed)
    return recent.values("image").distinct().count()


def most(collection: UUID) -> int:
    """How many of a collection they may, before further claims wait for a steward."""
    images = FeedTotal.objects.filter(collection=collection).values_list("count", flat=True).first() or 0
    return max(LEAST, images // SHARE)


def _suspended(at: datetime) -> QuerySet[CaseImage]:
    recent = CaseImage.objects.filter(held_at__gt=at - WINDOW, in_use=True)
    return recent.exclude(hold=Hold.NOTED)
