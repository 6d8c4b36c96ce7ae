"""A snapshot out of a kept one: only the parts that hold a change are made anew.

The database stays the truth, and no file is believed. It is used only if its bytes have the SHA-256 that its signed
list gives it. Of a part made anew, all rows but the changed ones must be those of the old part, in their order; and
what the changed ones add up to must be just what separates the two totals, which the acts kept. So a wrong
merge ends in NotMerged, not in a signature; whoever asked has the parts made from the database.
"""

import hashlib
import os
from collections.abc import Mapping
from tempfile import TemporaryFile
from typing import Any, Final
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db import connection
from numpy.typing import NDArray

from consent.exclusions.columnar import BATCH, batch, blocks, layout, schema
from consent.exclusions.feed import CHANGED, Feed, Totals
from consent.exclusions.parts import MOST_DIGITS, Built, folder, write
from consentkit.closes import Part
from consentkit.rows import Rows
from consentkit.scopes import FEED_MODULUS
from consentkit.snapshots import table_rows

WORTH: Final = 20  # one row in so many may have changed; docs/benchmarks.md has where merging stops paying

_KEY_BYTES: Final = 32 + 36
_NONE: Final = np.empty(0, f"S{_KEY_BYTES}")

COUNT: Final = "SELECT count(*) FROM (SELECT 1 FROM {changed} LIMIT %(limit)s) AS counted"


class NotMerged(Exception):
    """The kept parts do not lead to the new ones, or reading the database is cheaper."""


def changes(feed: Feed, base: Built, *, now: Totals) -> NDArray[Any] | None:
    """The rows that have changed since the base, in order; None where to read all rows is cheaper.

    In the transaction that read `now`. They wait in a file without a name, so that they take no memory.
    """
    most = now.count // WORTH
    since: dict[str, UUID | int] = {"collection": feed.collection, "index": base.size}
    if _counted(since, most=most) > most:
        return None
    folder().mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder()) as file:
        for block in blocks(feed, CHANGED, since):
            file.write(block.tobytes())
        file.flush()
        return np.memmap(file, layout(feed), "r") if file.tell() else np.empty(0, layout(feed))


def _counted(since: Mapping[str, UUID | int], *, most: int) -> int:
    """How many rows; beyond `most` it is not said how many more."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT.format(changed=CHANGED), {**since, "limit": most + 1})
        (found,) = cursor.fetchone()
    return int(found)


def merged(feed: Feed, base: Built, changed: NDArray[Any], *, now: Totals) -> tuple[Part, ...]:
    """The base's parts with these changes, which lead to `now`. Raises NotMerged.

    Outside any transaction: files may take longer than the database lets one be idle. A part at a time is in memory.
    """
    parts, moved = list(base.parts), 0
    of = changed["sha256"][:, 0].astype(np.int64) >> 4 * (MOST_DIGITS - len(parts[0].prefix))
    edges = np.searchsorted(of, np.arange(len(parts) + 1))
    for number in np.unique(of):
        rows = changed[edges[number] : edges[number + 1]]
        parts[number], by = _made_anew(feed, parts[number], batch(feed, rows))
        moved += by
    _require_explained(base.totals, now, moved=moved, count=sum(part.rows for part in parts))
    for part in set(parts) & set(base.parts):
        _keep(part)
    return tuple(parts)


# One part


def _made_anew(feed: Feed, part: Part, changed: Any) -> tuple[Part, int]:
    """The part with these rows, and by how much they move the sum of its digests."""
    old = _read(feed, part)
    new = _with(old, pa.Table.from_batches([changed]))
    moved = _moved(feed, old, new, images=changed["image"])
    if not all(new["sha256"][at].as_py().hex().startswith(part.prefix) for at in (0, -1)):
        raise NotMerged("a row is of another part")
    if new.equals(old):  # acts of other scopes
        return part, moved
    return write(feed, part.prefix, new.to_batches(max_chunksize=BATCH)), moved


def _with(old: Any, changed: Any) -> Any:
    """These rows in the place of those with the same digest and image, or where they belong in the order."""
    keys, new = _keys(old), _keys(changed)
    at = np.searchsorted(keys, new)
    known = np.zeros(len(new), bool)
    inside = at < len(keys)
    known[inside] = keys[at[inside]] == new[inside]
    behind = len(old) + np.arange(len(new))  # where they are, once put behind the old ones
    order = np.arange(len(old))
    order[at[known]] = behind[known]
    order = np.insert(order, at[~known], behind[~known])
    return pa.concat_tables([old, changed]).combine_chunks().take(pa.array(order)).combine_chunks()


def _keys(table: Any) -> NDArray[np.bytes_]:
    """Digest and image's text as one sortable value: ids in small letters sort as their bytes do."""
    joined = pc.binary_join_element_wise(table["sha256"].cast(pa.binary()), table["image"].cast(pa.binary()), b"")
    return np.frombuffer(pa.concat_arrays(joined.chunks).buffers()[2], f"S{_KEY_BYTES}") if len(table) else _NONE


def _moved(feed: Feed, old: Any, new: Any, *, images: Any) -> int:
    """By how much `new` adds up to more than `old`. Raises NotMerged if it differs by more than these images."""
    was, now = pc.is_in(old["image"], value_set=images), pc.is_in(new["image"], value_set=images)
    if not old.filter(pc.invert(was)).equals(new.filter(pc.invert(now))):
        raise NotMerged("a row is not as it was")
    at = np.flatnonzero(now.to_numpy())
    around = np.unique(np.clip(at[:, None] + (-1, 0, 1), 0, len(new) - 1))
    if not _rows(feed, new.take(around)).in_order():
        raise NotMerged("a row is out of its order")
    return _rows(feed, new.filter(now)).digest() - _rows(feed, old.filter(was)).digest()


def _rows(feed: Feed, table: Any) -> Rows:
    return table_rows(table, purposes=feed.purposes, audience=feed.audience)


def _require_explained(then: Totals, now: Totals, *, moved: int, count: int) -> None:
    """The acts kept the totals, one row at a time; what was merged must have come to the same."""
    if count != now.count or (int(then.digest, 16) + moved - int(now.digest, 16)) % FEED_MODULUS:
        raise NotMerged("the rows do not explain the totals")


# Files


def _read(feed: Feed, part: Part) -> Any:
    """The rows of an old part as one table without chunks."""
    with pq.ParquetFile(pa.BufferReader(_intact(part))) as file:
        table = file.read()
    if not table.schema.equals(schema(feed)) or len(table) != part.rows:
        raise NotMerged("a part is not what its list says")
    return table.combine_chunks()


def _keep(part: Part) -> None:
    """Young first, so that whoever prunes meanwhile leaves it; then looked at, since it is to be signed again."""
    try:
        os.utime(folder() / part.sha256)
    except OSError as error:  # gone, or on a disk that fails
        raise NotMerged("a part is gone") from error
    _intact(part)


def _intact(part: Part) -> bytes:
    """The bytes that the list names."""
    try:
        content = (folder() / part.sha256).read_bytes()
    except OSError as error:  # gone, or on a disk that fails
        raise NotMerged("a part is gone") from error
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise NotMerged("a part is damaged")
    return content
