"""Deposit: a pipeline leaves views of its own pictures. No consent changes; the log has no entry."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from consent.models.protections import refuse_unknown_version
from consent.rules.pictures import asking_views

KEEP: Final = """
    INSERT INTO consent_deposit (pipeline_id, key, version, views, left_at)
    SELECT %(pipeline)s, key, %(version)s, views, %(at)s
    FROM unnest(%(keys)s::text[], %(views)s::bytea[]) AS brought(key, views)
    ON CONFLICT (pipeline_id, key, version) DO UPDATE SET views = excluded.views, left_at = excluded.left_at
"""


def deposit(pipeline: int, *, version: int, pictures: Sequence[tuple[str, bytes]], at: datetime) -> int:
    """Keep (key of at most 200 characters, packed views); the number kept. Of equal keys the last counts.

    One statement, so all or none. Raises UnknownVersion, FingerprintMalformed.
    """
    refuse_unknown_version(version)
    asking_views([views for _, views in pictures])
    newest = dict(pictures)
    brought: dict[str, Any] = {
        "pipeline": pipeline,
        "version": version,
        "at": at,
        "keys": [*newest],
        "views": [*newest.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(KEEP, brought)
    return len(newest)
