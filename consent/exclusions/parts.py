"""Parts of a snapshot: rows in order, as immutable Parquet files named by their SHA-256.

A part's bytes follow from its rows alone, whether those came from the database or from an older part.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pyarrow.parquet as pq
from django.conf import settings

from consent.exclusions.columnar import batch, blocks, schema
from consent.exclusions.feed import Feed, Totals
from consentkit.closes import Part

MOST_DIGITS: Final = 2

ROWS: Final = """
    consent_standing WHERE collection_id = %(collection)s
        AND sha256 >= %(start)s AND (%(last)s OR sha256 < %(end)s)
"""


@dataclass(frozen=True)
class Built:
    """Files of rows, and what they add up to at this size."""

    size: int
    parts: tuple[Part, ...]
    totals: Totals


def folder() -> Path:
    """Where all parts are."""
    return Path(settings.SNAPSHOT_DIR)


def read_from_database(feed: Feed, prefix: str) -> Part:
    """The part of all rows with this prefix, as they are now."""
    start, end = _bounds(prefix)
    found = {"collection": feed.collection, "start": start, "last": end is None, "end": end or b""}
    return write(feed, prefix, (batch(feed, rows) for rows in blocks(feed, ROWS, found)))


def write(feed: Feed, prefix: str, batches: Iterable[Any]) -> Part:
    """The part of these rows. Each batch is a row group, so all but the last have `columnar.BATCH` rows."""
    folder().mkdir(parents=True, exist_ok=True)
    fresh = folder() / f".{uuid4().hex}"
    rows = 0
    with pq.ParquetWriter(fresh, schema(feed), compression="zstd", use_dictionary=_reasons(feed)) as writer:
        for each in batches:
            writer.write_batch(each)
            rows += len(each)
    with fresh.open("rb") as written:
        os.fsync(written.fileno())
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
    length = fresh.stat().st_size
    fresh.replace(folder() / sha256)  # an equal part of an older snapshot is the same file, and young again
    return Part(prefix, sha256, length, rows)


def _reasons(feed: Feed) -> list[str]:
    return [f"{purpose}_reason" for purpose in feed.purposes]


def _bounds(prefix: str) -> tuple[bytes, bytes | None]:
    """The first digest with this prefix, and the first behind them all."""
    if not prefix:
        return b"", None
    first, step = (int(prefix, 16), 1) if len(prefix) == MOST_DIGITS else (int(prefix, 16) << 4, 16)
    return bytes([first]), bytes([first + step]) if first + step < 256 else None
