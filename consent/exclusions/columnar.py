"""A feed's rows out of PostgreSQL as Arrow.

Fixed widths, because nothing is null: a block of COPY's binary format is an array as it comes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
from django.db import connection
from numpy.typing import NDArray

from consent.exclusions.feed import Feed, columns
from consent.rules.reasons import Reason, wire
from consentkit.scopes import wire_code

BATCH: Final = 65_536  # rows

COPY: Final = """
    COPY (SELECT sha256, uuid_send(image_id), {columns} FROM {rows} ORDER BY sha256, image_id) TO STDOUT (FORMAT binary)
"""
_HEADER_BYTES: Final = 19
_TRAILER: Final = b"\xff\xff"


def schema(feed: Feed) -> Any:
    """The columns of a part, and of each batch."""
    terms = [(f"{p}_until", pa.int64()) for p in feed.purposes], [(f"{p}_reason", pa.string()) for p in feed.purposes]
    by_purpose = [field for pair in zip(*terms, strict=True) for field in pair]
    return pa.schema([("sha256", pa.binary(32)), ("image", pa.string()), *by_purpose])


def layout(feed: Feed) -> Any:
    """One row of COPY's binary format: a count of fields, then each with its length before it; all big-endian."""
    fields: list[tuple[Any, ...]] = [("count", ">i2")]
    fields += [("", ">i4"), ("sha256", "u1", 32), ("", ">i4"), ("image", "u1", 16)]
    for at in range(len(feed.purposes)):
        fields += [("", ">i4"), (f"until{at}", ">i8"), ("", ">i4"), (f"reason{at}", ">i2")]
    return np.dtype([(each[0] or f"length{at}", *each[1:]) for at, each in enumerate(fields)])


def blocks(feed: Feed, rows: str, parameters: Mapping[str, Any]) -> Iterator[NDArray[Any]]:
    """What this FROM clause finds, in order, BATCH rows at a time (the last: what is left)."""
    row = layout(feed)
    with (
        connection.cursor() as cursor,
        cursor.copy(COPY.format(columns=columns(feed), rows=rows), parameters) as copy,
    ):
        for block in _whole(copy, row.itemsize):
            yield np.frombuffer(block, row)


def batch(feed: Feed, rows: NDArray[Any]) -> Any:
    """A block as a batch of `schema`."""
    found = [_digests(rows["sha256"]), _uuids(rows["image"])]
    for at in range(len(feed.purposes)):
        until = rows[f"until{at}"].astype(np.int64)
        found += [pa.array(until, mask=until == 0), _WORDS.take(pa.array(_CODES[rows[f"reason{at}"]]))]
    return pa.record_batch(found, schema=schema(feed))


def _whole(copy: Any, width: int) -> Iterator[bytes]:
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
