"""Unfold: from the sets of disclosures, which pipeline asked about which image first. The log has no entry."""

from typing import Final

from django.db import transaction

from consent.models import Disclosure, Unfolded
from consent.models.disclosures import settled
from registry.models.bulk import ask

ROWS: Final = 1_000
ENOUGH: Final = 100_000  # images, after which no further disclosure is taken

# A set is fetched once (`||`), not again for each of its images.
UNFOLD: Final = """
    WITH upcoming AS (
        SELECT serial, octet_length(images) / 16 AS many FROM consent_disclosure
        WHERE serial > %(after)s AND serial <= %(reached)s ORDER BY serial LIMIT %(rows)s
    ), summed AS (
        SELECT serial, many, sum(many) OVER (ORDER BY serial) - many AS before FROM upcoming
    ), taken AS MATERIALIZED (
        SELECT serial, many FROM summed WHERE before < %(enough)s
    ), named AS (
        SELECT encode(substring(whole FROM 16 * place + 1 FOR 16), 'hex')::uuid AS image, pipeline_id, scopes, serial
        FROM taken JOIN consent_disclosure USING (serial)
        CROSS JOIN LATERAL (SELECT images || ''::bytea AS whole OFFSET 0) of
        CROSS JOIN LATERAL generate_series(0, many - 1) AS place
    ), kept AS (
        INSERT INTO consent_disclosedimage (image_id, pipeline_id, scope, first)
        SELECT image, pipeline_id, scope, min(serial)
        FROM named JOIN generate_series(0, 30) AS scope ON scopes >> scope & 1 = 1
        GROUP BY image, pipeline_id, scope
        ON CONFLICT DO NOTHING
    )
    UPDATE consent_unfolded SET serial = coalesce((SELECT max(serial) FROM taken), %(reached)s)
"""


def unfold() -> bool:
    """Some of what waits; False where nothing does, or somebody else is at it. A crash leaves it all to the next."""
    if not Disclosure.objects.filter(serial__gt=Unfolded.objects.get().serial).exists():
        return False
    reached = settled()
    return reached is not None and _unfold(reached=reached)


@transaction.atomic(durable=True)
def _unfold(*, reached: int) -> bool:
    """In order of serial, so that the first that names an image is the one that stays."""
    mark = Unfolded.objects.select_for_update(skip_locked=True, no_key=True).first()
    if mark is None or mark.serial >= reached:
        return False
    ask(UNFOLD, {"after": mark.serial, "reached": reached, "rows": ROWS, "enough": ENOUGH})
    return True
