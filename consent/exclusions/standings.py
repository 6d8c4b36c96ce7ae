"""The projection: standings and feed totals, written inside the act's transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from uuid import UUID

from django.db import connection

from consent.exclusions.facts import Row, rows, stored_terms
from consent.models import Standing
from consent.rules.reasons import wire
from consent.rules.standings import Terms
from consentkit.scopes import FEED_MODULUS, SCOPES, digest_of, row_tail
from registry.log.recorder import Act
from registry.models.bulk import insert_many
from registry.models.images import with_descendants
from registry.rules.items import Item

PAGE = 5_000


def project(act: Act, items: Sequence[Item]) -> None:
    """Restate the images that the items touch, and what was derived from them. Images are locked by the act."""
    touched = {item.image for item in items if item.image is not None}
    if touched:
        restate(act.id, with_descendants(touched))


def restate(act: UUID, images: set[UUID]) -> None:
    """Write the rows that changed, then move the totals by what changed."""
    before = stored(images)
    after = rows(images)
    changed = {image: row for image, row in after.items() if before.get(image) != row}
    insert(act, {image: row for image, row in changed.items() if image not in before})
    _update(act, {image: row for image, row in changed.items() if image in before})
    move_totals({image: before[image] for image in changed if image in before}, changed)


def stored(images: set[UUID]) -> dict[UUID, Row]:
    """The rows as they stand."""
    found = Standing.objects.filter(image__any=images)
    columns = found.values_list("image", "collection", "sha256", "held", "until", "reason")
    return {
        image: Row(collection, bytes(sha256), held, stored_terms(tuple(until), tuple(reason)))
        for image, collection, sha256, held, until, reason in columns.iterator(chunk_size=PAGE)
    }


def insert(act: UUID, fresh: Mapping[UUID, Row]) -> None:
    """Rows of images that had none."""
    insert_many(
        Standing,
        ("image_id", "collection_id", "sha256", "held", "until", "reason", "act"),
        (
            (image, row.collection, row.sha256, row.held, list(row.terms.until), list(row.terms.reason), act)
            for image, row in fresh.items()
        ),
    )


def _update(act: UUID, changed: Mapping[UUID, Row]) -> None:
    """One statement for all images that now say the same: a withdrawal of ten thousand is one update."""
    alike: dict[tuple[bool, Terms], list[UUID]] = defaultdict(list)
    for image, row in changed.items():
        alike[row.held, row.terms].append(image)
    for (held, terms), images in alike.items():
        Standing.objects.filter(image__any=images).update(
            held=held, until=list(terms.until), reason=list(terms.reason), act=act
        )


def digests(image: UUID, row: Row) -> list[int]:
    """By scope, the digest of this image's row in the feed."""
    head = image.bytes + row.sha256
    return [digest_of(head, tail) for tail in _tails(row.terms)]


@lru_cache(maxsize=1024)
def _tails(terms: Terms) -> tuple[bytes, ...]:
    """What all images of the same terms end with."""
    ruled = enumerate(zip(terms.until, terms.reason, strict=True))
    return tuple(row_tail(scope, until, None if why is None else wire(why)) for scope, (until, why) in ruled)


def move_totals(before: Mapping[UUID, Row], after: Mapping[UUID, Row]) -> None:
    """Held images are in no feed. Totals are moved by addition, so that acts need not agree on an order."""
    counts: dict[UUID, int] = defaultdict(int)
    sums: dict[UUID, list[int]] = defaultdict(lambda: [0] * SCOPES)
    for rows_, sign in ((before, -1), (after, 1)):
        for image, row in rows_.items():
            if row.held:
                continue
            counts[row.collection] += sign
            total = sums[row.collection]
            for scope, digest in enumerate(digests(image, row)):
                total[scope] += sign * digest
    for collection in sorted(sums):
        _add(collection, counts[collection], [total % FEED_MODULUS for total in sums[collection]])


ADD = """
    INSERT INTO consent_feedtotal (collection_id, scope, count, total)
    SELECT %(collection)s, scope, %(count)s, total
    FROM unnest(%(scopes)s::smallint[], %(totals)s::numeric[]) AS moved(scope, total) ORDER BY scope
    ON CONFLICT (collection_id, scope) DO UPDATE SET
        count = consent_feedtotal.count + excluded.count,
        total = mod(consent_feedtotal.total + excluded.total, %(modulus)s::numeric)
"""


def _add(collection: UUID, count: int, totals: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            ADD,
            {
                "collection": collection,
                "count": count,
                "scopes": list(range(SCOPES)),
                "totals": [str(total) for total in totals],
                "modulus": str(FEED_MODULUS),
            },
        )
