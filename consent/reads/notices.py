"""The notice that a grant is given under."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from consent.errors import NoNotice
from consent.models import Notice
from registry.errors import NotFound
from registry.models import Collection


@dataclass(frozen=True)
class Published:
    """A published notice with its collection's controller and how to reach them.

    `public`: everybody may read the collection's list, and not only those with a key.
    """

    id: UUID
    collection: UUID
    collection_name: str
    controller: str
    contact: str
    public: bool
    version: int
    language: str
    text: str
    sha256: bytes
    purposes: tuple[str, ...]
    audiences: tuple[str, ...]
    term: timedelta
    published_at: datetime


def current_notice(collection: UUID | None = None) -> Published:
    """The current notice of the collection named, else of the only one.

    Raises NotFound, CollectionUnclear, NoNotice.
    """
    chosen = Collection.objects.only_one(collection)
    newest = Notice.objects.filter(collection=chosen).select_related("collection").order_by("-version").first()
    if newest is None:
        raise NoNotice("This collection has not published a notice yet.")
    return _published(newest)


def notice(sha256: bytes) -> Published:
    """The newest notice with this text. Raises NotFound."""
    known = Notice.objects.filter(sha256=sha256).select_related("collection").order_by("-published_at", "id").first()
    if known is None:
        raise NotFound("There is no notice with this digest.")
    return _published(known)


def _published(notice: Notice) -> Published:
    return Published(
        id=notice.id,
        collection=notice.collection_id,
        collection_name=notice.collection.name,
        controller=notice.collection.controller,
        contact=notice.collection.contact,
        public=notice.collection.public,
        version=notice.version,
        language=notice.language,
        text=notice.text,
        sha256=bytes(notice.sha256),
        purposes=tuple(notice.purposes),
        audiences=tuple(notice.audiences),
        term=timedelta(days=notice.term_days),
        published_at=notice.published_at,
    )
