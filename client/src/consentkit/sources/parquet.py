"""Parquet: row groups out as they came in, with the schema, metadata, codecs and dictionaries of IN.

A column of pictures themselves, a struct with `bytes` as the `Image` feature of `datasets` has it, is hashed.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from consentkit import keys
from consentkit.settings import Misuse
from consentkit.sources.batches import COLUMN, Batch, Mask, Scope, Unreadable, require_column

BATCH_ROWS: Final = 1 << 15
BATCH_BYTES: Final = 1 << 24
GROUP_ROWS: Final = 1 << 20
GROUP_BYTES: Final = 1 << 24
"""A row group of OUT is written when it has as many rows or bytes. More bytes cost time: Arrow then takes its memory
anew from the system each time."""

_READ_BYTES: Final = 1 << 23
_DICTIONARY_BYTES: Final = 1 << 20
"""Past so many, Arrow and parquet-java store values as they are."""

_INDEX_BYTES: Final = 3
"""A dictionary of so many bytes has at most 2²⁰ values, of 20 bits an index."""


class ParquetFile:
    """Positions are rows, from 0."""

    def __init__(self, path: Path, *, key: str | None, scope: Scope | None) -> None:
        """Raises Unreadable, or Misuse for a column that is not there."""
        self._path, self._key, self._scope = path, key or COLUMN, scope
        with _explained(path), self._opened() as file:
            self._metadata, self._schema = file.metadata, file.schema_arrow
        self.total = int(self._metadata.num_rows)
        require_column(path, self._schema.names, self._key, option="--key")
        if scope is not None:
            require_column(path, self._schema.names, scope.column, option="--scope")

    @property
    def names(self) -> list[str]:
        """Of its columns."""
        return list(self._schema.names)

    def batches(self) -> Iterator[Batch]:
        return self._read(None)

    def asked(self) -> Iterator[Batch]:
        return self._read([self._key] + ([self._scope.column] if self._scope else []))

    def sink(self, path: Path) -> "_Writer":
        return _Writer(path, self._schema, self._metadata)

    def _read(self, columns: list[str] | None) -> Iterator[Batch]:
        with _explained(self._path), self._opened() as file:
            done = 0
            for rows in file.iter_batches(batch_size=_batch_rows(self._metadata), columns=columns):
                positions = pa.array(np.arange(done, done := done + len(rows)))
                texts = keys.plain(_texts(rows.column(self._key)))
                yield Batch(_keys(texts, self._key), in_scope(rows, self._scope), texts, positions, done, rows)

    def _opened(self) -> Any:
        # `pre_buffer`, Arrow's default, would hold every column of the file until the end.
        return pq.ParquetFile(self._path, buffer_size=_READ_BYTES, pre_buffer=False)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:  # not Parquet, cut, a codec that is not here, a failing disk
        raise Unreadable(f"{path} cannot be read as Parquet: {error}") from error


def _batch_rows(metadata: Any) -> int:
    held = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    row_bytes = held // max(metadata.num_rows, 1) + 1
    return int(max(min(BATCH_BYTES // row_bytes, BATCH_ROWS), 1))


def _texts(column: Any) -> Any:
    """Keys as they stand there; of pictures that stand there themselves their SHA-256 in hex, null without bytes."""
    kind = column.type
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return column
    pictures = pc.struct_field(column, "bytes")
    if not (pa.types.is_binary(pictures.type) or pa.types.is_large_binary(pictures.type)):
        return column
    with ThreadPoolExecutor() as hashing:
        return pa.array(list(hashing.map(_digest, pictures)), pa.string())


def _digest(value: Any) -> str | None:
    return hashlib.sha256(value.as_buffer()).hexdigest() if value.is_valid else None


def _keys(column: Any, name: str) -> keys.Keys:
    try:
        return keys.from_arrow(column)
    except keys.NotKeys as error:  # --key names a column of another kind
        raise Misuse(f"--key {name} is {error}") from error


def in_scope(batch: Any, scope: Scope | None) -> Mask | None:
    """Which rows of an Arrow batch or table are; None: all. Raises Misuse for a value that its column cannot hold."""
    if scope is None:
        return None
    column = batch.column(scope.column)
    try:
        column = keys.plain(column)
        if pa.types.is_dictionary(column.type):
            column = keys.plain(column.cast(column.type.value_type))
        same = pc.equal(column, pa.scalar(scope.value).cast(column.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:  # no such value can be in that column
        raise Misuse(f"--scope {scope.column}={scope.value}: the column holds {column.type}") from error
    # Null: nobody says whose row it is, so the registry is asked.
    return np.asarray(pc.fill_null(same, True).to_numpy(zero_copy_only=False))  # noqa: FBT003 - Arrow's own order


def passing(rows: Any, keep: Mask) -> Any:
    """The rows of an Arrow batch or table that pass."""
    try:
        return rows.filter(pa.array(keep))
    except pa.ArrowNotImplementedError:  # views, runs: Arrow cannot take single values out of these, but slices it can
        edges = np.flatnonzero(np.diff(keep.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        slices = [rows.slice(begin, end - begin) for begin, end in edges.tolist()] or [rows.slice(0, 0)]
        if isinstance(rows, pa.Table):
            return pa.concat_tables(slices)
        return pa.concat_batches(slices)


class _Writer:
    """Row groups into a Parquet file, written beside the reading."""

    def __init__(self, path: Path, schema: Any, metadata: Any) -> None:
        self._schema = schema
        self._file = pq.ParquetWriter(path, schema, **_properties(metadata))
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._group: list[Any] = []

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._file.close()

    def write(self, rows: Any, keep: Mask) -> None:
        kept = passing(rows, keep)
        if kept.num_rows:
            self._group.append(kept)
        many = sum(each.num_rows for each in self._group)
        if many >= GROUP_ROWS or sum(each.nbytes for each in self._group) >= GROUP_BYTES:
            self._flush()

    def finish(self) -> None:
        """The footer is written too."""
        if self._group:
            self._flush()
        self._wait()
        self._file.close()

    def _flush(self) -> None:
        self._wait()  # one group at a time, so memory stays constant
        table = pa.Table.from_batches(self._group, self._schema)
        self._writing = self._thread.submit(self._file.write_table, table, row_group_size=max(len(table), 1))
        self._group = []

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None


def _properties(metadata: Any) -> dict[str, Any]:
    """Codec and dictionaries per column, as in the first row group of IN."""
    if metadata.num_row_groups == 0:
        return {}
    first = metadata.row_group(0)
    columns = [first.column(position) for position in range(first.num_columns)]
    if not columns:
        return {}
    codecs = {column.path_in_schema: column.compression.replace("UNCOMPRESSED", "NONE") for column in columns}
    with_dictionary = [column.path_in_schema for column in columns if _is_in_dictionary(column)]
    return {"compression": codecs, "use_dictionary": with_dictionary}


def _is_in_dictionary(column: Any) -> bool:
    """Not where the writer of IN began a dictionary and gave it up: beginning one again takes half as long again."""
    if not {"RLE_DICTIONARY", "PLAIN_DICTIONARY"} & set(column.encodings):
        return False
    return bool(column.total_uncompressed_size <= _DICTIONARY_BYTES + column.num_values * _INDEX_BYTES)
