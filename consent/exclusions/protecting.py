"""Which images wait for the views by which copies are found: written with the standings, in the act's transaction."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final
from uuid import UUID

from django.db import connection

from consent.exclusions.facts import Row
from consent.rules.reasons import FINAL, PROTECTING
from consent.rules.standings import Terms
from consentkit.fingerprints.views import VERSION

# Images that are not registered yet get their row when they are.
WAIT: Final = """
    INSERT INTO consent_protection (image_id, version)
    SELECT id, %(version)s FROM registry_image image WHERE id = ANY(%(images)s::uuid[]) AND state = 'registered'
        AND NOT EXISTS (SELECT FROM consent_protection WHERE version = %(version)s AND image_id = image.id)
    ON CONFLICT (version, image_id) DO NOTHING
"""
AGAIN: Final = """
    UPDATE consent_protection SET views = NULL, serial = NULL, searched_at = NULL
    WHERE version = %(version)s AND image_id = ANY(%(images)s::uuid[]) AND serial IS NOT NULL
"""


def await_views(after: Mapping[UUID, Row], before: Mapping[UUID, Row]) -> None:
    """By image, the rows now and those that an act found.

    What was protected before stays as it is, but where somebody has just decided so, it waits again: copies that came
    while it was permitted were not looked for, and an upload that looked before must look again.
    """
    wanted = {image: row.terms for image, row in after.items() if _protects(row.terms)}
    decided = [image for image, now in wanted.items() if image not in before or _decides(before[image].terms, now)]
    _say(AGAIN, decided)
    _say(WAIT, wanted)


@lru_cache(maxsize=1024)
def _protects(terms: Terms) -> bool:
    return any(reason in PROTECTING for reason in terms.reason)


@lru_cache(maxsize=1024)
def _decides(before: Terms, now: Terms) -> bool:
    """Whether some use is barred for good that was not."""
    both = zip(before.reason, now.reason, strict=True)
    return any(reason in FINAL and was not in FINAL for was, reason in both)


def _say(statement: str, images: Collection[UUID]) -> None:
    if images:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"version": VERSION, "images": list(images)})
