"""Publish a snapshot: sign the list of its parts, and pin the list in the log.

No pipeline can be shown another list unnoticed: each finds its own in the log that all of them see.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from consent.exclusions.cursors import Cursor
from consent.exclusions.feed import Feed, close
from consent.exclusions.parts import Built
from consent.exclusions.snapshots import Offer, alone, newest_or_built, prune
from consent.models import Snapshot
from consentkit import published
from consentkit.closes import PartList, open_close, sign_list
from consentkit.entries import Kind
from consentkit.published import Logged
from registry.log.recorder import Act, record
from registry.log.signer import signer, verifier
from registry.models import Opening
from registry.rules.items import Item


def publish_snapshot(feed: Feed, *, clock: Callable[[], datetime]) -> Offer:
    """The snapshot on offer; only if there is none that is true and young, a new one. Raises LogInDoubt.

    Files are built before the act, and no lock on the log is held meanwhile. That may take longer than an entry may
    wait for its checkpoint: the entry has the time after it, while the snapshot is as old as the rows that were read.
    """
    with alone(feed):
        at = clock()
        found = newest_or_built(feed, at=at, clock=clock)
        if isinstance(found, Offer):
            return found
        offer = _publish(feed, found, read_at=at, at=clock())
    prune(at)
    return offer


@transaction.atomic(durable=True)
def _publish(feed: Feed, built: Built, *, read_at: datetime, at: datetime) -> Offer:
    act = Act.begin(Kind.SNAPSHOT_PUBLISHED, at=at)
    listed = PartList(str(feed.collection), feed.audience, feed.purposes, built.size, built.parts)
    note = sign_list(listed, signer())
    end = close(built.totals, size=built.size, cursor=Cursor(built.size).encode(feed), at=read_at)
    Snapshot(
        collection_id=feed.collection,
        scopes=feed.bits,
        size=built.size,
        act=act.id,
        parts=note,
        close=end,
        built_at=read_at,
    ).save(force_insert=True)
    said = published.particulars(note, listed, open_close(end, verifier()))
    index = record(act, [Item(published.WHAT, particulars=said)]).index
    salt = bytes(Opening.objects.get(act=act.id).salt)
    return Offer(built.size, built.parts, note, end, Logged(index, salt))
