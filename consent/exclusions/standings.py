"""The projection: standings and feed totals, written inside the act's transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from consent.exclusions.facts import Row, rows, stored_terms
from consent.exclusions.guarding import guard
from consent.exclusions.protecting import await_views
from consent.models import Standing
from consent.rules.reasons import wire
from consent.rules.standings import Terms
from consentkit.scopes import FEED_MODULUS, SCOPES, digest_of, row_tail
from registry.log.recorder import Act
from registry.models.bulk import ask, insert_many, uuid_array
from registry.models.images import with_descendants
from registry.rules.items import Item

STORED: Final = """
    SELECT image_id, collection_id, sha256, until, reason FROM consent_standing
    WHERE image_id = ANY(%(images)s::uuid[])
"""
UPDATE: Final = """
    UPDATE consent_standing
    SET until = %(until)s::bigint[], reason = %(reason)s::smallint[], act = %(act)s
    WHERE image_id = ANY(%(images)s::uuid[])
"""


def project(act: Act, items: Sequence[Item]) -> None:
    """Restate the images that the items touch, and what was derived from them. Images are locked by the act."""
    guard(act, items)
    touched = {item.image for item in items if item.image is not None}
    if touched:
        restate(act.id, with_descendants(touched))


def restate(act: UUID, images: set[UUID]) -> None:
    """Write the rows that changed, then move the totals by what changed; what is protected now waits for its views."""
    before = _stored_and_kept(images)
    after = rows(images)
    changed = {image: row for image, row in after.items() if before.get(image) != row}
    insert(act, {image: row for image, row in changed.items() if image not in before})
    _update(act, {image: row for image, row in changed.items() if image in before})
    move_totals({image: before[image] for image in changed if image in before}, changed)
    await_views(after, before)


def stop_restating() -> None:
    """Wait for the acts that have read rows, and keep others from it for the rest of this transaction."""
    ask("LOCK TABLE consent_standing IN SHARE ROW EXCLUSIVE MODE", {})


def stored(images: set[UUID]) -> dict[UUID, Row]:
    """The rows as they stand."""
    (found,) = ask(STORED, {"images": uuid_array(images)})
    return _as_rows(found)


def _stored_and_kept(images: set[UUID]) -> dict[UUID, Row]:
    """The same, and until this transaction ends `rebuild` cannot replace them."""
    _, found = ask(f"LOCK TABLE consent_standing IN ROW EXCLUSIVE MODE; {STORED}", {"images": uuid_array(images)})
    return _as_rows(found)


def _as_rows(found: Sequence[tuple[Any, ...]]) -> dict[UUID, Row]:
    return {
        image: Row(collection, sha256, stored_terms(tuple(until), tuple(reason)))
        for image, collection, sha256, until, reason in found
    }


def insert(act: UUID, fresh: Mapping[UUID, Row]) -> None:
    """Rows of images that had none."""
    if not fresh:
        return
    insert_many(
        Standing,
        ("image_id", "collection_id", "sha256", "until", "reason", "act"),
        (
            (image, row.collection, row.sha256, list(row.terms.until), list(row.terms.reason), act)
            for image, row in fresh.items()
        ),
    )


def _update(act: UUID, changed: Mapping[UUID, Row]) -> None:
    """One statement for all images that now say the same: a withdrawal of ten thousand is one update."""
    alike: dict[Terms, list[UUID]] = defaultdict(list)
    for image, row in changed.items():
        alike[row.terms].append(image)
    for terms, images in alike.items():
        content = {"until": list(terms.until), "reason": list(terms.reason), "act": act}
        ask(UPDATE, content | {"images": uuid_array(images)})


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
    """Totals are moved by addition, so that acts need not agree on an order."""
    counts: dict[UUID, int] = defaultdict(int)
    sums: dict[UUID, list[int]] = defaultdict(lambda: [0] * SCOPES)
    for rows_, sign in ((before, -1), (after, 1)):
        for (collection, terms), heads in _in_feeds(rows_).items():
            counts[collection] += sign * len(heads)
            for scope, tail in enumerate(_tails(terms)):
                sums[collection][scope] += sign * sum(digest_of(head, tail) for head in heads)
    for collection in sorted(sums):
        _add(collection, counts[collection], [total % FEED_MODULUS for total in sums[collection]])


def _in_feeds(rows_: Mapping[UUID, Row]) -> dict[tuple[UUID, Terms], list[bytes]]:
    """What each row's digests begin with, by collection and terms, which give their ends."""
    heads: dict[tuple[UUID, Terms], list[bytes]] = defaultdict(list)
    for image, row in rows_.items():
        heads[row.collection, row.terms].append(image.bytes + row.sha256)
    return heads


ADD = """
    INSERT INTO consent_feedtotal (collection_id, scope, count, total)
    SELECT %(collection)s, scope, %(count)s, total
    FROM unnest(%(scopes)s::smallint[], %(totals)s::numeric[]) AS moved(scope, total) ORDER BY scope
    ON CONFLICT (collection_id, scope) DO UPDATE SET
        count = consent_feedtotal.count + excluded.count,
        total = mod(consent_feedtotal.total + excluded.total, %(modulus)s::numeric)
"""


def _add(collection: UUID, count: int, totals: list[int]) -> None:
    moved = {"collection": collection, "count": count, "modulus": str(FEED_MODULUS)}
    ask(ADD, moved | {"scopes": list(range(SCOPES)), "totals": f"{{{','.join(map(str, totals))}}}"})
