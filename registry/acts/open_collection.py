"""Open a collection: a data set under one controller."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.models import Collection
from registry.rules.items import Item


@dataclass(frozen=True)
class Particulars:
    """Who answers for a collection: its name, its controller and how to reach them, and where its images come from."""

    name: str
    controller: str
    contact: str
    source: str


@transaction.atomic(durable=True)
def open_collection(particulars: Particulars, *, at: datetime) -> tuple[Collection, Recorded]:
    """Open it; images, notices and pipelines can then belong to it. Only those with a key read its list."""
    act = Act.begin(Kind.COLLECTION_OPENED, at=at)
    collection = Collection(opened_at=at, **vars(particulars))
    collection.save(force_insert=True)
    return collection, record(act, [Item("collection_opened", particulars={"collection": str(collection.id)})])
