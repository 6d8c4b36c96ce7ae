"""Look over a manifest: tell its pipeline what acts have taken from it since the last look. The log has no entry."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from consent.exclusions.duties import BY_COST, BY_INDEX, CHANGED, DUTY
from consent.models import Manifest, ManifestLook
from consent.models.notifications import in_commit_order
from consentkit.scopes import scope
from registry.log.recorder import head_size
from registry.models.bulk import ask

TAKE: Final = f"""
    CREATE TEMPORARY TABLE look_changed ON COMMIT DROP AS
    SELECT standing.image_id AS image, standing.act, entry.index, {DUTY} AS duty
    FROM {CHANGED} CROSS JOIN LATERAL (
        SELECT FROM consent_manifestimage
        WHERE manifest_id = %(manifest)s AND image_id = standing.image_id OFFSET 0
    ) held
    WHERE entry.index >= %(since)s
"""  # noqa: S608 - our own words
OVER: Final = """
    UPDATE consent_notificationimage told SET over = true FROM look_changed changed, consent_notification notification
    WHERE changed.duty IS NULL AND told.image_id = changed.image AND NOT told.over
        AND notification.serial = told.notification_id AND notification.manifest_id = %(manifest)s
"""
# An image is told again only where more must be done about it than an earlier notification says that still stands.
TELL: Final = """
    WITH news AS MATERIALIZED (
        SELECT * FROM look_changed changed WHERE duty > coalesce((
            SELECT max(told.duty) FROM consent_notificationimage told
            JOIN consent_notification notification ON notification.serial = told.notification_id
            WHERE told.image_id = changed.image AND NOT told.over AND notification.manifest_id = %(manifest)s
        ), 0)
    ), told AS (
        INSERT INTO consent_notification (id, pipeline_id, kind, key, alteration, manifest_id, act, count, created_at)
        SELECT gen_random_uuid(), %(pipeline)s, 'manifest', '', '', %(manifest)s, act, count(*), %(at)s
        FROM news GROUP BY act, index ORDER BY index RETURNING serial, act
    ), listed AS (
        INSERT INTO consent_notificationimage (notification_id, image_id, duty, over)
        SELECT serial, image, duty, false FROM news JOIN told USING (act)
    )
    SELECT count(*) FROM told
"""


@transaction.atomic(durable=True)
def look_over(manifest: int, *, at: datetime) -> int | None:
    """The number of notifications written; None where somebody else is looking. A crash leaves it all to the next.

    The head is read first: an act that commits after it may be told now, and is looked at again by the next look,
    which finds it told.
    """
    look = ManifestLook.objects.select_for_update(skip_locked=True, no_key=True).filter(manifest=manifest).first()
    if look is None:
        return None
    head = head_size()
    of = Manifest.objects.select_related("pipeline").get(serial=manifest)
    asked = {
        "manifest": manifest,
        "since": look.size,
        "position": scope(of.purpose, of.pipeline.audience) + 1,
        "pipeline": of.pipeline_id,
        "at": at,
    }
    ask(f"{BY_INDEX}; {TAKE}; {BY_COST}; {OVER}", asked)
    in_commit_order()
    (((told,),),) = ask(TELL, asked)
    look.size = head
    look.save(update_fields=["size"])
    return int(told)


def look_past(manifests: Sequence[int], *, size: int) -> None:
    """Acts before `size` changed nothing in these."""
    behind = ManifestLook.objects.filter(manifest__any=list(manifests), size__lt=size)
    behind.update(size=size)
