"""What a pipeline is told of pictures that it used."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from consent.models import Notification
from consent.reads.pipelines import Asker
from consent.rules.reasons import Duty
from registry.errors import NotFound
from registry.models.bulk import ask
from registry.reads.size import at_one_size

SHOWN: Final = 20  # of a manifest's images, with the notification itself

FIRST: Final = """
    SELECT notification.serial, image_id, encode(sha256, 'hex'), duty
    FROM unnest(%(notifications)s::bigint[]) AS notification(serial)
    CROSS JOIN LATERAL (
        SELECT image_id, duty FROM consent_notificationimage
        WHERE notification_id = notification.serial ORDER BY image_id LIMIT %(limit)s
    ) told JOIN consent_standing standing USING (image_id)
    ORDER BY notification.serial, image_id
"""
REST: Final = """
    SELECT image_id, encode(sha256, 'hex'), duty
    FROM consent_notificationimage JOIN consent_standing standing USING (image_id)
    WHERE notification_id = %(notification)s AND image_id > %(after)s ORDER BY image_id LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Copied:
    """The picture left under `key` is a copy of `image`."""

    key: str
    image: UUID
    distance: int
    alteration: str


@dataclass(frozen=True)
class Told:
    """An image of a manifest, and what is to be done about it."""

    image: UUID
    sha256: str
    reason: str


@dataclass(frozen=True)
class Taken:
    """One act took `count` images from the run that was attested as `manifest`: `images` are the first of them."""

    manifest: UUID
    count: int
    images: tuple[Told, ...]


@dataclass(frozen=True)
class Notified:
    """Without an outcome it waits for one."""

    id: UUID
    at: datetime
    about: Copied | Taken
    outcome: str | None


@dataclass(frozen=True)
class Page:
    """Some notifications, oldest first; `next`: the number to go on behind, which never skips one that comes late."""

    size: int
    notifications: tuple[Notified, ...]
    next: int


@dataclass(frozen=True)
class Images:
    """A page of a notification's images, by number; `next`: the one to go on behind, None at the end."""

    size: int
    images: tuple[Told, ...]
    next: UUID | None


def notifications(asker: Asker, *, after: int, limit: int) -> Page:
    """At most `limit` of this pipeline's notifications behind number `after` (0: from the first)."""
    with at_one_size() as size:
        behind = Notification.objects.filter(pipeline=asker.serial, serial__gt=after).order_by("serial")
        found = list(behind.select_related("manifest")[:limit])
        first = _first([row.serial for row in found if row.manifest_id is not None])
    told = tuple(Notified(row.id, row.created_at, _about(row, first), row.outcome) for row in found)
    return Page(size, told, found[-1].serial if found else after)


def images_of(asker: Asker, number: UUID, *, after: UUID | None, limit: int) -> Images:
    """At most `limit` images of one about a manifest, behind this one. Raises NotFound, also for one of a copy."""
    with at_one_size() as size:
        mine = Notification.objects.filter(pipeline=asker.serial, id=number, manifest__isnull=False)
        found = mine.values_list("serial", flat=True).first()
        if found is None:
            raise NotFound("There is no such notification about a manifest for this key.")
        (rows,) = ask(REST, {"notification": found, "after": after or UUID(int=0), "limit": limit})
    images = tuple(Told(image, sha256, Duty(duty).word) for image, sha256, duty in rows)
    return Images(size, images, images[-1].image if len(images) == limit else None)


def _first(about_manifests: Sequence[int]) -> dict[int, list[Told]]:
    """By notification, some images each, in one question."""
    found: dict[int, list[Told]] = defaultdict(list)
    (rows,) = ask(FIRST, {"notifications": list(about_manifests), "limit": SHOWN})
    for serial, image, sha256, duty in rows:
        found[serial].append(Told(image, sha256, Duty(duty).word))
    return found


def _about(row: Notification, first: dict[int, list[Told]]) -> Copied | Taken:
    if row.manifest is not None:
        return Taken(row.manifest.id, row.count or 0, tuple(first[row.serial]))
    if row.image_id is None or row.distance is None:
        raise ValueError(f"notification {row.id} is of no kind")  # the table's constraint refuses it
    return Copied(row.key, row.image_id, row.distance, row.alteration)
