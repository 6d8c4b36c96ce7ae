"""What a pipeline is told of pictures that it used."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consent.models import Notification
from consent.reads.pipelines import Asker
from registry.reads.size import at_one_size


@dataclass(frozen=True)
class Notified:
    """The picture left under `key` is a copy of `image`. Without an outcome it waits for one."""

    id: UUID
    at: datetime
    kind: str
    key: str
    image: UUID | None
    distance: int | None
    alteration: str
    outcome: str | None


@dataclass(frozen=True)
class Page:
    """Some notifications, oldest first; `next`: the number to go on behind, which never skips one that comes late."""

    size: int
    notifications: tuple[Notified, ...]
    next: int


def notifications(asker: Asker, *, after: int, limit: int) -> Page:
    """At most `limit` of this pipeline's notifications behind number `after` (0: from the first)."""
    with at_one_size() as size:
        behind = Notification.objects.filter(pipeline=asker.serial, serial__gt=after).order_by("serial")
        found = list(behind[:limit])
    return Page(size, tuple(_told(each) for each in found), found[-1].serial if found else after)


def _told(row: Notification) -> Notified:
    return Notified(
        id=row.id,
        at=row.created_at,
        kind=row.kind,
        key=row.key,
        image=row.image_id,
        distance=row.distance,
        alteration=row.alteration,
        outcome=row.outcome,
    )
