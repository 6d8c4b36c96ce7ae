"""The index of protected images, and of pictures that cases watch for: one in each process, brought up to date by
whoever asks.

Rows are added by their numbers, which are given in the order of commits (`consent.models.protections`), so none is left
out. The index may hold more than an answer's transaction sees, and images that are protected no longer: whoever finds
one reads its standing. What it does not hold, because it waits for its views or came since, `news` names.
"""

import os
import threading
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from consent.rules.pictures import views_of
from consentkit.fingerprints.views import Views
from consentkit.matching.resident import Match, Resident

PAGE: Final = 500  # rows of 26 kB read together

CHANGED: Final = """
    SELECT serial, coalesce(image_id, case_id), collection_id, views
    FROM consent_protection LEFT JOIN registry_image image ON image.id = image_id
    WHERE version = %(version)s AND serial > %(seen)s ORDER BY serial LIMIT %(limit)s
"""
# Rows of this version that came since or wait; and, while there are several versions, images that only another has.
# Those with views first: what waits is named once they were all searched, and is counted before.
NEWS: Final = """
    SELECT image_id, views, count(*) OVER () FROM (
        SELECT image_id, views FROM consent_protection JOIN registry_image image ON image.id = image_id
        WHERE version = %(version)s AND (views IS NULL OR serial > %(seen)s) AND collection_id = %(collection)s
        UNION ALL
        SELECT image_id, NULL FROM consent_protection other JOIN registry_image image ON image.id = image_id
        WHERE (version < %(version)s OR version > %(version)s) AND collection_id = %(collection)s AND NOT EXISTS (
            SELECT FROM consent_protection this WHERE this.version = %(version)s AND this.image_id = other.image_id
        )
    ) news WHERE image_id <> ALL(%(searched)s::uuid[]) ORDER BY views IS NULL LIMIT %(limit)s
"""


@dataclass(frozen=True)
class News:
    """Images that were not searched: a page of them with their views, None where one waits; `count`: of all pages."""

    images: dict[UUID, Views | None]
    count: int


class Index:
    """Protected views of one version, by collection. Any number of threads may ask and bring it up to date."""

    def __init__(self, version: int) -> None:
        self._version = version
        self._turn = threading.Lock()
        self.seen = 0
        self._keys: set[UUID] = set()
        self._residents: dict[UUID | None, Resident[UUID]] = {}
        self._counts = Counter[UUID | None]()

    def matches(self, asking: Views, *, collection: UUID | None) -> list[Match[UUID]]:
        """Images of the collection that an asking picture matches, nearest first; None: cases whose picture it does."""
        resident = self._residents.get(collection)
        return resident.matches(asking) if resident else []

    def count(self, collection: UUID) -> int:
        """Of how many images of the collection it has the views."""
        return self._counts[collection]

    def refresh(self) -> None:
        """Add what this transaction sees and no earlier one saw, up to number `seen`. One thread reads at a time."""
        with self._turn:
            while rows := self._changed():
                for serial, key, collection, views in rows:
                    self._add(key, collection, views_of(views))
                    self.seen = serial

    def _changed(self) -> list[tuple[int, UUID, UUID | None, bytes]]:
        with connection.cursor() as cursor:
            cursor.execute(CHANGED, {"version": self._version, "seen": self.seen, "limit": PAGE})
            found: list[tuple[int, UUID, UUID | None, bytes]] = cursor.fetchall()
        return found

    def _add(self, key: UUID, collection: UUID | None, views: Views) -> None:
        """Protected anew, an image has the views that it had."""
        if key not in self._keys:
            self._keys.add(key)
            self._residents.setdefault(collection, Resident()).add(key, views)
            self._counts[collection] += 1  # last: what is counted is searched


_indexes: dict[tuple[str, int], Index] = {}
_choosing = threading.Lock()


def current(version: int) -> Index:
    """This process's index of a version, with all that is committed, or that the caller's transaction sees."""
    database = str(connection.settings_dict["NAME"])
    with _choosing:
        for other in [key for key in _indexes if key[0] != database]:
            del _indexes[other]
        index = _indexes.setdefault((database, version), Index(version))
    index.refresh()
    return index


def _forget() -> None:
    """A forked child begins anew: its parent may have been in the middle of anything."""
    global _choosing  # noqa: PLW0603 - the parent's lock may be held for ever
    _choosing = threading.Lock()
    _indexes.clear()


os.register_at_fork(after_in_child=_forget)


def news(version: int, *, collection: UUID, seen: int, searched: Set[UUID]) -> News:
    """What an index that has seen this number does not know of the collection, and was not `searched` besides."""
    asked: dict[str, Any] = {
        "version": version,
        "collection": collection,
        "seen": seen,
        "searched": list(searched),
        "limit": PAGE,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEWS, asked)
        rows = cursor.fetchall()
    images = {image: None if views is None else views_of(views) for image, views, _ in rows}
    return News(images, rows[0][2] if rows else 0)
