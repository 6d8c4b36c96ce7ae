"""Publish a notice: the text that subjects of a collection will agree to from now on."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.models import Notice
from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.models import Collection
from registry.rules.items import Item


@dataclass(frozen=True)
class Text:
    """A notice before it is published. `term_days`: how long a grant under it may last."""

    language: str
    text: str
    purposes: tuple[str, ...]
    audiences: tuple[str, ...]
    term_days: int


@transaction.atomic(durable=True)
def publish_notice(collection: UUID, *, text: Text, at: datetime) -> tuple[Notice, Recorded]:
    """It becomes the collection's current notice; the versions before it stay, and grants under them."""
    act = Act.begin(Kind.NOTICE_PUBLISHED, at=at)
    Collection.objects.select_for_update().get(id=collection)
    notice = Notice(
        collection_id=collection,
        version=Notice.objects.filter(collection=collection).count() + 1,
        language=text.language,
        text=text.text,
        sha256=hashlib.sha256(text.text.encode()).digest(),
        purposes=list(text.purposes),
        audiences=list(text.audiences),
        term_days=text.term_days,
        published_at=at,
    )
    notice.save(force_insert=True)
    said = {"notice": str(notice.id), "collection": str(collection), "sha256": bytes(notice.sha256).hex()}
    return notice, record(act, [Item("notice_published", particulars=said)])
