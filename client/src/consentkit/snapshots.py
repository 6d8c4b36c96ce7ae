"""What the registry sends of its feed, as rows: the Parquet parts of a snapshot, the pages of a delta.

Nothing here is believed: whoever reads a part has compared its SHA-256 with the signed list, and compares the
digest of all rows with the signed close.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from consentkit import canonical, scopes
from consentkit.closes import Part, PartList
from consentkit.errors import BadProof, Malformed
from consentkit.keys import decode_hex
from consentkit.rows import IMAGE_BYTES, SHA256_BYTES, Bytes, Rows

PAGE_ROWS: Final = 5_000

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID_LETTERS: Final = 36
_HYPHENS: Final = (8, 13, 18, 23)
_REASONS: Final = pa.array(scopes.WIRE_REASONS, pa.string())


def require_list(parts: PartList) -> PartList:
    """The list, if its scopes are ours and its parts are a whole: 1, 16 or 256, each prefix once, in order."""
    if not parts.purposes or list(parts.purposes) != [p for p in scopes.PURPOSES if p in parts.purposes]:
        raise BadProof("a snapshot of purposes that this version does not know: upgrade consentkit")
    if parts.audience not in scopes.AUDIENCES:
        raise BadProof("a snapshot for an audience that this version does not know: upgrade consentkit")
    prefixes = [part.prefix for part in parts.parts]
    whole = [[format(i, f"0{digits}x") if digits else "" for i in range(16**digits)] for digits in (0, 1, 2)]
    if prefixes not in whole:
        raise BadProof("a snapshot that is not whole")
    return parts


def read_part(path: Path, part: Part, *, purposes: Sequence[str], audience: str) -> Rows:
    """The rows of one part. Raises Malformed or BadProof for any other file than the list says."""
    try:
        # Not `read_table`: it would take columns from folders that are named like `key=value`.
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (pa.ArrowException, OSError) as error:  # the signed bytes are not Parquet: a broken registry
        raise Malformed(f"a part of the snapshot is not Parquet: {error}") from error
    names = ["sha256", "image", *(f"{p}_{field}" for p in purposes for field in ("until", "reason"))]
    if sorted(table.column_names) != sorted(names) or len(table) != part.rows:
        raise BadProof("a part of the snapshot has other columns or rows than its list says")
    rows = table_rows(table, purposes=purposes, audience=audience)
    _require_prefix(rows, part.prefix)
    return rows


def table_rows(table: Any, *, purposes: Sequence[str], audience: str) -> Rows:
    """The rows of an Arrow table that has a part's columns. Raises Malformed for values that no part has."""
    return Rows(
        tuple(purposes),
        audience,
        _digests(table["sha256"]),
        _images(table["image"]),
        _stacked([_untils(table[f"{p}_until"]) for p in purposes], np.int64),
        _stacked([_reasons(table[f"{p}_reason"]) for p in purposes], np.uint8),
    )


def read_page(listed: object, *, purposes: Sequence[str], audience: str) -> Rows:
    """The rows of a delta's page, as sent."""
    values = canonical.array(listed)
    if len(values) > PAGE_ROWS:
        raise Malformed(f"a page of more than {PAGE_ROWS} rows")
    names = ("image", "sha256", *(f"{p}_{field}" for p in purposes for field in ("until", "reason")))
    columns: list[Any] = [[] for _ in names]
    for value in values:
        for column, field in zip(columns, canonical.fields(value, *names), strict=True):
            column.append(field)
    images, digests, *rest = columns
    return Rows(
        tuple(purposes),
        audience,
        _wide([canonical.from_hex(digest, size=SHA256_BYTES) for digest in digests], SHA256_BYTES),
        _wide([image_bytes(image) for image in images], IMAGE_BYTES),
        _stacked([np.array([_until(u) for u in column], np.int64) for column in rest[::2]], np.int64),
        _stacked([np.array([scopes.wire_code(_word(r)) for r in column], np.uint8) for column in rest[1::2]], np.uint8),
    )


def image_bytes(image: object) -> bytes:
    """16 bytes from a lower-case UUID."""
    if not _UUID.fullmatch(canonical.text(image)):
        raise Malformed("an image's id is a lower-case UUID")
    return bytes.fromhex(canonical.text(image).replace("-", ""))


# Columns of a part


def _digests(column: Any) -> Bytes:
    if column.type != pa.binary(SHA256_BYTES) or column.null_count:
        raise Malformed("a snapshot's digests are 32 bytes each")
    return _fixed(column.combine_chunks(), SHA256_BYTES)


def _images(column: Any) -> Bytes:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)) or column.null_count:
        raise Malformed("a snapshot's images are strings")
    if len(column) == 0:
        return np.empty((0, IMAGE_BYTES), np.uint8)
    lengths = pc.min_max(pc.binary_length(column)).as_py()
    if set(lengths.values()) != {_UUID_LETTERS}:
        raise Malformed("an image's id is a lower-case UUID")
    letters = _fixed(column.cast(pa.large_binary()).cast(pa.binary(_UUID_LETTERS)).combine_chunks(), _UUID_LETTERS)
    hyphens = letters[:, _HYPHENS] == ord("-")
    images, _, proper = decode_hex(np.delete(letters, _HYPHENS, axis=1))
    if not hyphens.all() or not proper.all():
        raise Malformed("an image's id is a lower-case UUID")
    return images


def _untils(column: Any) -> NDArray[np.int64]:
    if column.type != pa.int64():
        raise Malformed("a snapshot's terms are 64-bit seconds")
    given = pc.min(column).as_py()
    if given is not None and given < 1:
        raise Malformed("a term is one second or later")
    return np.asarray(pc.fill_null(column, 0).to_numpy())


def _reasons(column: Any) -> Bytes:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise Malformed("a snapshot's reasons are strings")
    codes = pc.index_in(column.cast(pa.string()), value_set=_REASONS)
    if codes.null_count:
        raise Malformed("a reason that this version does not know: upgrade consentkit")
    return np.asarray(codes.to_numpy(), np.uint8)


def _fixed(array: Any, size: int) -> Bytes:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if len(array) == 0:
        return np.empty((0, size), np.uint8)
    held = np.frombuffer(array.buffers()[1], np.uint8)
    return held[array.offset * size : (array.offset + len(array)) * size].reshape(-1, size)


def _require_prefix(rows: Rows, prefix: str) -> None:
    low = bytes.fromhex(prefix.ljust(2, "0"))[0]
    high = bytes.fromhex(prefix.ljust(2, "f"))[0]
    if ((rows.sha256[:, 0] < low) | (rows.sha256[:, 0] > high)).any():
        raise BadProof("a part of the snapshot has rows that belong to another")


# Values of a page


def _until(value: object) -> int:
    if value is None:
        return 0
    if canonical.whole(value) < 1:
        raise Malformed("a term is one second or later")
    return canonical.whole(value)


def _word(value: object) -> str | None:
    return None if value is None else canonical.text(value)


def _wide(values: Sequence[bytes], size: int) -> Bytes:
    return np.frombuffer(b"".join(values), np.uint8).reshape(-1, size)


def _stacked(columns: Sequence[NDArray[Any]], kind: type[Any]) -> NDArray[Any]:
    return np.stack(columns).astype(kind, copy=False)
