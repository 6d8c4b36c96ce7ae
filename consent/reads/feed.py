"""A pipeline's feed: a snapshot, and what has changed since."""

from datetime import datetime
from pathlib import Path

from consent.exclusions.deltas import Delta, delta
from consent.exclusions.feed import Feed
from consent.exclusions.snapshots import KEPT, is_kept, part
from consent.models import Disclosure
from consent.reads.pipelines import Asker
from consent.rules.disclosures import How
from registry.errors import NotFound

__all__ = ["Delta", "Feed", "delta", "feed_of", "is_kept", "part", "part_for"]


def feed_of(asker: Asker) -> Feed:
    """What its key opens."""
    return Feed(asker.collection, asker.purposes, asker.audience)


def part_for(asker: Asker, *, sha256: str, at: datetime) -> Path:
    """The file of a part, for a pipeline that was sent a list itself: so that none reads rows off the record.

    Raises NotFound.
    """
    told = Disclosure.objects.filter(pipeline=asker.serial, how=How.SNAPSHOT, at__gt=at - KEPT)
    if not told.exists():
        raise NotFound("There is no such part for this key. Take the list of a snapshot first.")
    return part(feed_of(asker), sha256=sha256, at=at)
