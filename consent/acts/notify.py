"""Notify: tell pipelines that pictures which they left are copies of a protected image. The log has no entry."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from consent.models.notifications import in_commit_order
from consent.rules.likeness import Sighting

TELL: Final = """
    INSERT INTO consent_notification (id, pipeline_id, kind, key, image_id, distance, alteration, created_at)
    SELECT gen_random_uuid(), pipeline, 'copy', key, image, distance, alteration, %(at)s
    FROM unnest(%(pipelines)s::int[], %(keys)s::text[], %(images)s::uuid[], %(distances)s::int[], %(words)s::text[])
        AS found(pipeline, key, image, distance, alteration)
    ON CONFLICT DO NOTHING
"""


@transaction.atomic(durable=True)
def notify(found: Sequence[Sighting], *, at: datetime) -> int:
    """The number of those that were news: one that still waits for its answer is not repeated."""
    in_commit_order()
    columns: dict[str, list[Any]] = {
        "pipelines": [each.pipeline for each in found],
        "keys": [each.key for each in found],
        "images": [each.image for each in found],
        "distances": [each.distance for each in found],
        "words": [each.alteration for each in found],
    }
    with connection.cursor() as cursor:
        cursor.execute(TELL, {"at": at, **columns})
        return int(cursor.rowcount)
