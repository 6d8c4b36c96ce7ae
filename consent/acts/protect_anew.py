"""Protect anew: every image that is protected waits for views of a new version. The log has no entry."""

from typing import Final

from django.db import connection

from consent.rules.reasons import PROTECTING

WAIT: Final = """
    INSERT INTO consent_protection (image_id, version, searched_at)
    SELECT image_id, %(version)s::smallint, max(searched_at) FROM (
        SELECT image_id, searched_at FROM consent_protection WHERE image_id IS NOT NULL
        UNION ALL
        SELECT image_id, NULL FROM consent_standing JOIN registry_image image ON image.id = image_id
        WHERE state = 'registered' AND reason && %(protecting)s::smallint[]
    ) protected GROUP BY image_id
    ON CONFLICT (version, image_id) DO NOTHING
"""


def protect_anew(version: int) -> int:
    """The number of images that wait now and did not. Repeated, it finds nothing more to do.

    Copies that a steward has let go are not brought up again: what was searched for before counts as searched for.
    """
    with connection.cursor() as cursor:
        cursor.execute(WAIT, {"version": version, "protecting": [int(reason) for reason in PROTECTING]})
        return int(cursor.rowcount)
