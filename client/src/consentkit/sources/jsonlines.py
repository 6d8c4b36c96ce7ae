"""JSON lines: one object a line. Kept lines are written byte for byte."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from consentkit import keys
from consentkit.rows import Bytes
from consentkit.settings import Misuse
from consentkit.sources import lines
from consentkit.sources.batches import COLUMN, Batch, Mask, Scope, Unreadable

_SPACE: Final = b" \t\r\n"


class JsonLines:
    """Positions are lines, from 1."""

    def __init__(self, path: Path, *, key: str | None, scope: Scope | None) -> None:
        self._path, self._key, self._scope = path, key or COLUMN, scope
        self._fields = [self._key] if scope is None else list(dict.fromkeys([self._key, scope.column]))
        self.total = path.stat().st_size

    def batches(self) -> Iterator[Batch]:
        done, rows, given = 0, 0, False
        with self._path.open("rb") as file:
            for data, line, last in lines.blocks(file, self._path, line=1, ends=_line_ends):
                done += len(data)
                batch = self._batch(data, line, done, last=last)
                rows, given = rows + len(batch.keys), given or bool(batch.keys.given.any())
                yield batch
        if rows and not given:
            raise Misuse(f"--key: no line of {self._path} has a field {self._key!r}")

    def asked(self) -> Iterator[Batch]:
        return self.batches()

    def sink(self, path: Path) -> lines.Writer:
        return lines.Writer(path)

    def _batch(self, data: Bytes, line: int, done: int, *, last: bool) -> Batch:
        ends = np.array([len(data)]) if last else _line_ends(data)
        rows = self._objects(data, ends, line)
        table = self._read(data, ends, rows, line)
        texts = table.column(self._key).combine_chunks()
        positions = pa.array(rows + line, pa.int64())
        return Batch(keys.from_arrow(texts), self._in_scope(table), texts, positions, done, (data, ends, rows))

    def _objects(self, data: Bytes, ends: lines.Cut, line: int) -> Any:
        """The lines that are not blank. Each begins and ends as an object does, so as many objects as lines
        means one on each: between a `}` and a `{` no object can go on.
        """
        rows = []
        start = 0
        held = data.tobytes()
        for number, end in enumerate(ends.tolist()):
            text = held[start:end].strip(_SPACE)
            start = end
            if text:
                if not (text.startswith(b"{") and text.endswith(b"}")):
                    raise self._unreadable(line + number, "no JSON object")
                rows.append(number)
        return np.array(rows, np.intp)

    def _read(self, data: Bytes, ends: lines.Cut, rows: Any, line: int) -> Any:
        """The fields that are asked about: text or null."""
        schema = pa.schema([(field, pa.string()) for field in self._fields])
        if not len(rows):
            return schema.empty_table()
        try:
            table = arrow_json.read_json(
                pa.BufferReader(data.tobytes()),
                read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(data) + 1),
                parse_options=arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
            )
        except pa.ArrowInvalid as error:
            raise self._fault(data, ends, line, str(error)) from error
        if len(table) != len(rows):
            raise self._fault(data, ends, line, "not one object a line")
        return table

    def _fault(self, data: Bytes, ends: lines.Cut, line: int, otherwise: str) -> Unreadable:
        """Looked for a line at a time, only once something is wrong."""
        for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            text = data[start:end].tobytes().strip(_SPACE)
            try:
                read = json.loads(text, object_pairs_hook=once) if text else {}
            except (ValueError, RecursionError) as error:  # no JSON, a name that stands twice, far too deep
                return self._unreadable(line + number, f"no JSON object that can be read: {error}")
            for field in self._fields:
                if not isinstance(read.get(field), str | None):
                    return self._unreadable(line + number, f"{field!r} is not text")
        return Unreadable(f"{self._path} from line {line} cannot be read as JSON lines: {otherwise}")

    def _unreadable(self, line: int, what: str) -> Unreadable:
        return Unreadable(f"{self._path} line {line}: {what}")

    def _in_scope(self, table: Any) -> Mask | None:
        if self._scope is None:
            return None
        same = pc.equal(table.column(self._scope.column).combine_chunks(), self._scope.value)
        return np.asarray(pc.fill_null(same, True).to_numpy(zero_copy_only=False))  # noqa: FBT003 - Arrow's own order


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no name stands twice. Raises ValueError."""
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a name stands twice")
    return read


def _line_ends(data: Bytes) -> lines.Cut:
    return np.flatnonzero(data == lines.LF) + 1
