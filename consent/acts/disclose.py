"""Disclose: keep what an answer tells to whom, before it leaves. No consent changes; the log has a root of each day."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from consent.models import Disclosure
from consent.models.disclosures import disclosing
from consent.rules.disclosures import IMAGE_BYTES, How, set_of
from consent.rules.purposes import bits_of
from registry.models.bulk import insert_one

COLUMNS = {
    "pipeline_id": "int4",
    "how": "varchar",
    "scopes": "int4",
    "size": "int8",
    "since": "int8",
    "count": "int8",
    "images": "bytea",
    "at": "timestamptz",
}


@dataclass(frozen=True)
class Telling:
    """What an answer says of itself: for which purposes and audience, at which size it is true; of a delta, `since`."""

    how: How
    purposes: tuple[str, ...]
    audience: str
    size: int
    since: int | None = None


def disclose_images(pipeline: int, *, telling: Telling, images: bytes, at: datetime) -> None:
    """Of a check or a match, the images that it is about: their ids, 16 bytes each, in any order, none or again.

    No record, no answer: whatever is raised here must keep the answer back. A crash after it leaves a record of an
    answer that nobody has got. Where nothing of ours is in the answer, nothing is kept.
    """
    if images:
        told = set_of(images)
        _keep(pipeline, telling, len(told) // IMAGE_BYTES, told, at)


def disclose_feed(pipeline: int, *, telling: Telling, rows: int, at: datetime) -> None:
    """Of a snapshot's list or a delta's page, how many rows it has."""
    _keep(pipeline, telling, rows, b"", at)


@transaction.atomic(durable=True)
def _keep(pipeline: int, telling: Telling, count: int, images: bytes, at: datetime) -> None:
    disclosing()
    bits = bits_of(telling.purposes, audiences=[telling.audience])
    row = (pipeline, telling.how, bits, telling.size, telling.since, count, images, at)
    insert_one(Disclosure, COLUMNS, row)
