"""Snapshots: a feed as immutable Parquet files, with a signed list of them.

Order: rows are written to files that nobody knows; each is synced and renamed to its SHA-256; then the act that
publishes signs and records the list. A crash leaves files without a list, which pruning removes. Memory does not grow
with the rows.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from django.db import connection
from django.db.models import Q

from consent.errors import CursorAltered, ResyncRequired
from consent.exclusions.cursors import parse
from consent.exclusions.feed import Feed, Totals, columns, totals
from consent.models import Snapshot
from consent.rules.reasons import Reason, wire
from consentkit.closes import Part, open_close, open_list
from consentkit.published import Logged
from consentkit.scopes import wire_code
from registry.errors import NotFound
from registry.log.readiness import LogInDoubt, doubt_since, kept_outside
from registry.log.signer import verifier
from registry.models import Entry, Opening
from registry.reads.size import at_one_size

OFFERED: Final = timedelta(hours=1)
KEPT: Final = timedelta(hours=48)
PIECES: Final = ((100_000, 0), (10_000_000, 1))  # below so many rows, so many hex digits of prefix; else two
MOST_DIGITS: Final = 2
BATCH: Final = 65_536  # rows
ADVISORY_LOCK: Final = 0x736E6170  # "snap"

# Fixed widths, because nothing is null: a block of COPY's binary format is an array as it comes.
ROWS: Final = """
    COPY (SELECT sha256, uuid_send(image_id), {columns} FROM consent_standing
          WHERE collection_id = %s AND NOT held AND sha256 >= %s AND (%s OR sha256 < %s)
          ORDER BY sha256, image_id) TO STDOUT (FORMAT binary)
"""
_HEADER_BYTES: Final = 19
_TRAILER: Final = b"\xff\xff"


@dataclass(frozen=True)
class Offer:
    """A snapshot: the size at which it is true, its parts, the two notes that sign them, and where the log holds it."""

    size: int
    parts: tuple[Part, ...]
    list: str
    close: str
    logged: Logged


@dataclass(frozen=True)
class Built:
    """Files of rows, and what they add up to at this size. Nobody was told of them yet."""

    size: int
    parts: tuple[Part, ...]
    totals: Totals


def newest_or_built(feed: Feed, *, at: datetime) -> Offer | Built:
    """The newest snapshot if nothing in the feed has changed since and it is not an hour old, else fresh files.

    Raises LogInDoubt. To be called by who is `alone`.
    """
    kept = kept_outside()
    with at_one_size() as size:
        if doubted := doubt_since(kept, at=at):
            raise LogInDoubt(doubted.reason)
        now = totals(feed)
        known = _newest(feed, since=at - OFFERED)
        if known is not None and _unchanged(known, now) and _still_leads_on(known, feed):
            return known
        return Built(size, tuple(_part(feed, prefix) for prefix in _prefixes(now.count)), now)


def part(feed: Feed, *, sha256: str, at: datetime) -> Path:
    """The file of a part that this feed's key may read. Raises NotFound."""
    lists = Snapshot.objects.filter(_of(feed), built_at__gt=at - KEPT, parts__contains=f'"{sha256}"')
    path = _folder() / sha256
    if not lists.exists() or not path.exists():
        raise NotFound("There is no such part. Take the list of a snapshot of the last 48 hours.")
    return path


class alone:  # noqa: N801 - reads as a statement
    """Hold this feed's advisory lock; a wait ends with the database's lock timeout.

    One builds at a time for each feed; whoever waits finds what the other has published.
    """

    def __init__(self, feed: Feed) -> None:
        self._keys = [ADVISORY_LOCK, int.from_bytes(feed.identity[:4], "big", signed=True)]

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", self._keys)

    def __exit__(self, *_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", self._keys)


def _of(feed: Feed) -> Q:
    return Q(collection=feed.collection, scopes=feed.bits)


def _newest(feed: Feed, *, since: datetime) -> Offer | None:
    found = Snapshot.objects.filter(_of(feed), built_at__gt=since).order_by("-built_at", "-size").first()
    if found is None:
        return None
    opening = Opening.objects.get(act=found.act)
    logged = Logged(Entry.objects.get(act=found.act).index, bytes(opening.salt))
    return Offer(found.size, open_list(found.parts, verifier()).parts, found.parts, found.close, logged)


def _unchanged(known: Offer, now: Totals) -> bool:
    """Law 2: what was withdrawn since must not be offered as permitted, so only an equal sum will do."""
    then = open_close(known.close, verifier())
    return (then.count, then.digest) == (now.count, now.digest) and all(
        (_folder() / each.sha256).exists() for each in known.parts
    )


def _still_leads_on(known: Offer, feed: Feed) -> bool:
    """Its cursor may have been written with a secret that has changed since: no delta could begin there."""
    try:
        parse(open_close(known.close, verifier()).cursor, feed=feed)
    except (CursorAltered, ResyncRequired):  # ours no longer
        return False
    return True


def _prefixes(rows: int) -> list[str]:
    digits = next((digits for below, digits in PIECES if rows < below), MOST_DIGITS)
    return [f"{number:0{digits}x}" if digits else "" for number in range(16**digits)]


def prune(at: datetime) -> None:
    """Lists first, then the files that no list names and that are not being made just now."""
    Snapshot.objects.filter(built_at__lte=at - KEPT).delete()
    named = {each.sha256 for note in _notes() for each in open_list(note, verifier()).parts}
    for path in _folder().iterdir():
        if path.name not in named and path.stat().st_mtime < (at - KEPT).timestamp():
            path.unlink(missing_ok=True)


def _notes() -> Iterator[str]:
    yield from Snapshot.objects.values_list("parts", flat=True).iterator()


def _folder() -> Path:
    return Path(settings.SNAPSHOT_DIR)


# One part


def _part(feed: Feed, prefix: str) -> Part:
    _folder().mkdir(parents=True, exist_ok=True)
    fresh = _folder() / f".{uuid4().hex}"
    rows = 0
    with pq.ParquetWriter(fresh, _schema(feed), compression="zstd", use_dictionary=_reasons(feed)) as writer:
        for batch in _batches(feed, prefix):
            writer.write_batch(batch)
            rows += len(batch)
    with fresh.open("rb") as written:
        os.fsync(written.fileno())
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
    length = fresh.stat().st_size
    fresh.replace(_folder() / sha256)  # an equal part of an older snapshot is the same file, and young again
    return Part(prefix, sha256, length, rows)


def _schema(feed: Feed) -> Any:
    terms = [(f"{p}_until", pa.int64()) for p in feed.purposes], [(f"{p}_reason", pa.string()) for p in feed.purposes]
    by_purpose = [field for pair in zip(*terms, strict=True) for field in pair]
    return pa.schema([("sha256", pa.binary(32)), ("image", pa.string()), *by_purpose])


def _reasons(feed: Feed) -> list[str]:
    return [f"{purpose}_reason" for purpose in feed.purposes]


def _layout(feed: Feed) -> Any:
    """One row of COPY's binary format: a count of fields, then each with its length before it; all big-endian."""
    fields: list[tuple[Any, ...]] = [("count", ">i2")]
    fields += [("", ">i4"), ("sha256", "u1", 32), ("", ">i4"), ("image", "u1", 16)]
    for at in range(len(feed.purposes)):
        fields += [("", ">i4"), (f"until{at}", ">i8"), ("", ">i4"), (f"reason{at}", ">i2")]
    return np.dtype([(each[0] or f"length{at}", *each[1:]) for at, each in enumerate(fields)])


def _batches(feed: Feed, prefix: str) -> Iterator[Any]:
    layout, schema = _layout(feed), _schema(feed)
    with connection.cursor() as cursor:
        start, end = _bounds(prefix)
        parameters = [feed.collection, start, end is None, end or b""]
        with cursor.copy(ROWS.format(columns=columns(feed)), parameters) as copy:
            for block in _blocks(copy, layout.itemsize):
                yield _batch(np.frombuffer(block, layout), schema, len(feed.purposes))


def _blocks(copy: Any, width: int) -> Iterator[bytes]:
    """Whole rows, BATCH at a time, without the format's head and tail."""
    held, length, skip = list[bytes](), 0, _HEADER_BYTES
    for data in copy:
        piece = bytes(data[skip:])
        skip = 0
        if piece != _TRAILER:
            held.append(piece)
            length += len(piece)
        if length >= BATCH * width:
            yield b"".join(held)
            held, length = [], 0
    if length:
        yield b"".join(held)


def _bounds(prefix: str) -> tuple[bytes, bytes | None]:
    """The first digest with this prefix, and the first behind them all."""
    if not prefix:
        return b"", None
    first, step = (int(prefix, 16), 1) if len(prefix) == MOST_DIGITS else (int(prefix, 16) << 4, 16)
    return bytes([first]), bytes([first + step]) if first + step < 256 else None


def _batch(rows: Any, schema: Any, purposes: int) -> Any:
    found = [_digests(rows["sha256"]), _uuids(rows["image"])]
    for at in range(purposes):
        until = rows[f"until{at}"].astype(np.int64)
        found += [pa.array(until, mask=until == 0), _WORDS.take(pa.array(_CODES[rows[f"reason{at}"]]))]
    return pa.record_batch(found, schema=schema)


_WORDS: Final = pa.array([None, "remove", "wait", "not_covered", "unknown"], pa.string())
_CODES: Final = np.zeros(max(Reason) + 1, np.int8)
for _reason in Reason:
    _CODES[_reason] = wire_code(wire(_reason))


def _digests(values: Any) -> Any:
    flat = np.ascontiguousarray(values)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(flat), [None, pa.py_buffer(flat)])


_HEX: Final = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)
_DASHED: Final = np.array([at for at in range(36) if at not in (8, 13, 18, 23)])


def _uuids(values: Any) -> Any:
    """16 bytes each as text, all at once."""
    letters = np.full((len(values), 36), ord("-"), np.uint8)
    letters[:, _DASHED] = _HEX[values].reshape(len(values), 32)
    offsets = np.arange(0, 36 * len(values) + 1, 36, dtype=np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(letters))
