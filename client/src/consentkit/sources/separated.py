"""CSV by RFC 4180, in UTF-8, with a header. Kept rows are written byte for byte; cells are read as text alone.

Rows are cut here and cells are read by Arrow. So that both always mean the same, a quote may only open a field, close
it, or stand twice inside a quoted one; anything else is refused.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from consentkit import keys
from consentkit.rows import Bytes
from consentkit.sources import lines
from consentkit.sources.batches import COLUMN, Batch, Mask, Scope, Unreadable, require_column

_QUOTE: Final = ord('"')
_COMMA: Final = ord(",")
_BESIDE: Final = np.zeros(256, bool)
_BESIDE[[_QUOTE, _COMMA, lines.LF, lines.CR]] = True
"""What may stand on the outer side of a quote."""

_MARK: Final = b"\xef\xbb\xbf"


class CsvFile:
    """Positions are lines, from 1; a row of several lines is where it begins."""

    def __init__(self, path: Path, *, key: str | None, scope: Scope | None) -> None:
        """Raises Unreadable, or Misuse for a column that is not there."""
        self._path, self._key, self._scope = path, key or COLUMN, scope
        with path.open("rb") as file:
            self._header = self._read_header(file)
        self.total = path.stat().st_size
        self._names = _cells(self._header)
        require_column(path, self._names, self._key, option="--key")
        if scope is not None:
            require_column(path, self._names, scope.column, option="--scope")

    def batches(self) -> Iterator[Batch]:
        done = len(self._header)
        with self._path.open("rb") as file:
            file.seek(done)
            first = 1 + len(lines.line_ends(np.frombuffer(self._header + b" ", np.uint8)))
            for data, line, last in lines.blocks(file, self._path, line=first, ends=_row_ends):
                done += len(data)
                yield self._batch(data, line, done, last=last)

    def asked(self) -> Iterator[Batch]:
        return self.batches()

    def sink(self, path: Path) -> lines.Writer:
        return lines.Writer(path, self._header)

    def _read_header(self, file: Any) -> bytes:
        for data, _, _ in lines.blocks(file, self._path, line=1, ends=_row_ends):
            ends = _row_ends(data)
            return data[: ends[0] if len(ends) else len(data)].tobytes()
        raise Unreadable(f"{self._path} line 1: no header: the file is empty")

    def _batch(self, data: Bytes, line: int, done: int, *, last: bool) -> Batch:
        ends = _row_ends(data)
        ends = np.append(ends[ends < len(data)], len(data))
        starts = np.concatenate([[0], ends[:-1]])
        numbers = line + np.searchsorted(lines.line_ends(data), starts)
        self._require_quotes(data, line)
        rows = np.flatnonzero(_filled(data, starts, ends))
        table = self._cells_of(data, numbers[rows])
        if len(table) != len(rows):
            raise Unreadable(f"{self._path} from line {line}: rows that can be read in two ways")
        texts = table.column(self._key).combine_chunks()
        in_scope = self._in_scope(table)
        if last and in_scope is not None and len(in_scope):
            in_scope[-1] = True  # no line's end: its last cell may be cut
        return Batch(
            keys.from_arrow(texts), in_scope, texts, pa.array(numbers[rows], pa.int64()), done, (data, ends, rows)
        )

    def _cells_of(self, data: Bytes, numbers: Any) -> Any:
        """The columns that are asked about, as text; an empty cell is null."""
        wanted = [self._key] if self._scope is None else list(dict.fromkeys([self._key, self._scope.column]))

        said: list[str] = []

        def refuse(row: Any) -> str:
            columns = f"{row.actual_columns} columns, where the header has {row.expected_columns}"
            said.append(f"line {numbers[row.number - 1]}: {columns}")
            return "error"

        try:
            return arrow_csv.read_csv(
                # An empty line first: where a file begins, Arrow would take away a byte order mark.
                pa.BufferReader(b"\n" + data.tobytes()),
                read_options=arrow_csv.ReadOptions(
                    column_names=self._names, use_threads=False, block_size=len(data) + 2
                ),
                parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, pa.string()),
                    check_utf8=False,
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid as error:
            why = said[0] if said else f"from line {numbers[0]}: {error}"
            raise Unreadable(f"{self._path} {why}") from error

    def _in_scope(self, table: Any) -> Mask | None:
        if self._scope is None:
            return None
        column = table.column(self._scope.column).combine_chunks()
        same = pc.fill_null(pc.equal(column, self._scope.value), True)  # noqa: FBT003 - Arrow's own order
        return np.array(same.to_numpy(zero_copy_only=False))

    def _require_quotes(self, data: Bytes, line: int) -> None:
        """Raises Unreadable."""
        quotes = np.flatnonzero(data == _QUOTE)
        if not len(quotes):
            return
        padded = np.concatenate([[np.uint8(lines.LF)], data, [np.uint8(lines.LF)]])
        outer = np.where(np.arange(len(quotes)) % 2 == 0, padded[quotes], padded[quotes + 2])
        wrong = np.flatnonzero(~_BESIDE[outer])
        if len(wrong) or len(quotes) % 2:
            at = quotes[wrong[0]] if len(wrong) else quotes[-1]
            number = line + int(np.searchsorted(lines.line_ends(data), at))
            raise Unreadable(
                f"{self._path} line {number}: a quote inside a field that is not quoted, or one that is never closed"
            )


def _row_ends(data: Bytes) -> lines.Cut:
    """After each line's end that is outside quotes: an even number of them stands before it."""
    found = lines.line_ends(data)
    quotes = np.flatnonzero(data == _QUOTE)
    if len(quotes):
        found = found[np.searchsorted(quotes, found) % 2 == 0]
    return found + 1


def _filled(data: Bytes, starts: lines.Cut, ends: lines.Cut) -> Mask:
    """Which rows have more than their line's end: Arrow reads no others."""
    first = data[starts]
    return np.asarray((first != lines.LF) & (first != lines.CR) & (ends > starts))


def _cells(header: bytes) -> list[str]:
    text = header.removeprefix(_MARK).decode("utf-8", "replace")
    return next(csv.reader(io.StringIO(text, newline="")), [])
