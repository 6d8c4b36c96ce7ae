"""What a pipeline attested, and what of it may no longer be used today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from consent.models import Manifest
from consent.reads.pipelines import Asker
from consent.rules.reasons import Reason, wire
from consentkit.scopes import scope
from registry.errors import NotFound
from registry.log.readiness import LogInDoubt, doubt_since, kept_outside
from registry.models import Entry
from registry.models.bulk import ask
from registry.reads.log import whole_receipt
from registry.reads.size import at_one_size

# Whatever is not permitted now: the row says why, or its time has ended. All of it is read once, for page and counts.
AFFECTED: Final = """
    WITH affected AS MATERIALIZED (
        SELECT image_id, sha256, reason[%(position)s] AS reason, act
        FROM consent_manifestimage held JOIN consent_standing standing USING (image_id)
        WHERE held.manifest_id = %(manifest)s AND held.image_id > %(after)s
            AND (until[%(position)s] IS NULL OR until[%(position)s] <= %(now)s)
    ), counted AS (
        SELECT array_agg(reason) AS reasons, array_agg(count) AS counts
        FROM (SELECT reason, count(*) FROM affected GROUP BY reason) each
    )
    SELECT image_id, encode(sha256, 'hex'), page.reason, entry.index, reasons, counts
    FROM (SELECT * FROM affected ORDER BY image_id LIMIT %(limit)s) page
    JOIN registry_entry entry USING (act) CROSS JOIN counted ORDER BY image_id
"""
FIRST: Final = UUID(int=0)


@dataclass(frozen=True)
class Attestation:
    """A manifest as it was attested: `statement` is its signed note, `index` its entry's."""

    serial: int
    id: UUID
    name: str
    model: str
    purpose: str
    size: int
    counts: dict[str, int]
    reasons: dict[str, int]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    sent: int
    images: int
    statement: str
    at: datetime
    index: int


@dataclass(frozen=True)
class Page:
    """Some manifests, oldest first; `next`: the number to go on behind."""

    size: int
    manifests: tuple[Attestation, ...]
    next: int


@dataclass(frozen=True)
class Taken:
    """An image that may no longer be used, and the index of the act that last changed what is said of it."""

    image: UUID
    sha256: str
    reason: str
    since: int


@dataclass(frozen=True)
class Affected:
    """A page of them by image, true at `size`. `counts` by reason, over all of the manifest: with the first page only.

    `next`: the image to go on behind; None at the end.
    """

    size: int
    counts: dict[str, int] | None
    images: tuple[Taken, ...]
    next: UUID | None


def manifest(asker: Asker, number: UUID) -> tuple[int, Attestation]:
    """The log's size, and the manifest. Raises NotFound, also for another pipeline's."""
    with at_one_size() as size:
        found = _found(asker, number)
        return size, _attestation(found, Entry.objects.get(act=found.act).index)


def manifests(asker: Asker, *, after: int, limit: int) -> Page:
    """At most `limit` of this pipeline's behind number `after` (0: from the first)."""
    with at_one_size() as size:
        rows = list(Manifest.objects.filter(pipeline=asker.serial, serial__gt=after).order_by("serial")[:limit])
        indexes = dict(Entry.objects.filter(act__in=[row.act for row in rows]).values_list("act", "index"))
    listed = tuple(_attestation(row, indexes[row.act]) for row in rows)
    return Page(size, listed, rows[-1].serial if rows else after)


def receipt_of(asker: Asker, number: UUID) -> bytes | None:
    """Of the entry, with what it commits to; None until a checkpoint covers it. Raises NotFound."""
    return whole_receipt(_found(asker, number).act)


def affected(asker: Asker, number: UUID, *, after: UUID | None, limit: int, at: datetime) -> Affected:
    """What is not permitted now of what the manifest holds. In doubt nothing is said: an empty list would permit all.

    Raises NotFound, LogInDoubt.
    """
    kept = kept_outside(at)
    with at_one_size() as size:
        if doubted := doubt_since(kept, at=at):
            raise LogInDoubt(doubted.reason)
        of = _found(asker, number)
        asked = {
            "manifest": of.serial,
            "position": scope(of.purpose, asker.audience) + 1,
            "now": int(at.timestamp()),
            "after": after or FIRST,
            "limit": limit,
        }
        (rows,) = ask(AFFECTED, asked)
    images = tuple(Taken(image, sha256, _told(code), since) for image, sha256, code, since, *_ in rows)
    counts = _counted(rows) if after is None else None
    return Affected(size, counts, images, images[-1].image if len(images) == limit else None)


def _found(asker: Asker, number: UUID) -> Manifest:
    found = Manifest.objects.filter(pipeline=asker.serial, id=number).first()
    if found is None:
        raise NotFound("There is no such manifest for this key.")
    return found


def _counted(rows: Sequence[tuple[Any, ...]]) -> dict[str, int]:
    """Each row has the counts of all: how many for each stored reason."""
    counts = dict.fromkeys(("remove", "wait", "not_covered", "unknown"), 0)
    for code, count in zip(*rows[0][-2:], strict=True) if rows else ():
        counts[_told(code)] += count
    return counts


def _told(code: int | None) -> str:
    """No reason: its time has ended."""
    return wire(Reason.EXPIRED if code is None else Reason(code))


def _attestation(of: Manifest, index: int) -> Attestation:
    return Attestation(
        serial=of.serial,
        id=of.id,
        name=of.name,
        model=of.model,
        purpose=of.purpose,
        size=of.size,
        counts={
            "rows": of.rows,
            "kept": of.kept,
            "excluded": of.excluded,
            "unknown": of.unknown,
            "out_of_scope": of.out_of_scope,
        },
        reasons=of.reasons,
        inputs=of.inputs,
        outputs=of.outputs,
        sent=of.sent,
        images=of.images,
        statement=of.note,
        at=of.attested_at,
        index=index,
    )
