"""Make a collection public: its list may be published for everybody to read. Before the first image only."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consentkit.entries import Kind
from registry.errors import CollectionHasImages
from registry.log.recorder import Act, Recorded, record, stop_the_log
from registry.models import Collection, Image
from registry.rules.items import Item


@transaction.atomic(durable=True)
def make_public(named: UUID | None, *, at: datetime) -> Recorded | None:
    """The collection named, else the only one; None if it is public already. There is no way back: what was published
    cannot be called in. Raises NotFound, CollectionUnclear, CollectionHasImages.
    """
    # Every image of an entry before ours is committed then, and every later one comes after ours.
    stop_the_log()
    collection = Collection.objects.get(id=Collection.objects.only_one(named))
    if collection.public:
        return None
    if Image.objects.filter(collection=collection).exists():
        raise CollectionHasImages("This collection has images already. Make it public before the first one comes.")
    act = Act.begin(Kind.COLLECTION_MADE_PUBLIC, at=at)
    collection.public = True
    collection.save(update_fields=["public"])
    return record(act, [Item("collection_made_public", particulars={"collection": str(collection.id)})])
