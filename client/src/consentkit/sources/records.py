"""What a part of OUT was made of: a hidden file beside it, by which the next run knows whether it still holds.

Of a shard it has the samples, whose keys are digests of pictures. A table's keys are read again: that costs less than
keeping them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from consentkit import keys
from consentkit.sources.appearing import appearing
from consentkit.sources.batches import Batch, Mask, Scope

_ROW: Final = pa.schema({"kept": pa.bool_()})
_SAMPLE: Final = pa.schema(
    {"position": pa.string(), "key": pa.string(), "in_scope": pa.bool_(), "first": pa.bool_(), "kept": pa.bool_()}
)
"""A row for each key of a sample; `first` is true at the first of each."""

_MADE_OF: Final = b"consentkit"


@dataclass
class Record:
    """The rows of one part, and the files and options that they belong to."""

    made_of: dict[str, Any]
    table: Any

    @classmethod
    def begun(cls, source: Path, *, key: str | None, scope: Scope | None) -> Self:
        """Before the first row is read: a source that changes meanwhile then differs from its record."""
        return cls(_options(source, key, scope), _schema(source).empty_table())

    def add(self, batch: Batch, keep: Mask) -> None:
        """More rows."""
        if self.table.schema == _ROW:
            self.table = pa.concat_tables([self.table, pa.table([pa.array(keep)], schema=_ROW)])
            return
        count = len(batch.keys)
        begins = np.zeros(count, bool)
        begins[batch.first] = True
        sample = np.cumsum(begins) - 1
        in_scope = pa.array(np.ones(count, bool) if batch.in_scope is None else batch.in_scope)
        positions = batch.positions.take(pa.array(sample))
        columns = [positions, batch.texts, in_scope, pa.array(begins), pa.array(keep[sample])]
        self.table = pa.concat_tables([self.table, pa.table(columns, schema=_SAMPLE)])

    def save(self, out: Path) -> None:
        """After OUT is there: a crash between leaves a record of another file, which counts as none."""
        said = json.dumps({**self.made_of, "out": _file(out)})
        with appearing(_beside(out)) as partial:
            pq.write_table(self.table.replace_schema_metadata({_MADE_OF: said}), partial)

    @staticmethod
    def forget(out: Path) -> None:
        """Removes the record of this part."""
        _beside(out).unlink(missing_ok=True)

    @property
    def kept(self) -> Mask:
        """Which rows were written."""
        kept = self._column("kept")
        return kept if self.table.schema.remove_metadata() == _ROW else kept[self._column("first")]

    def samples(self) -> Batch | None:
        """To be judged again; None of a table, which is then read again."""
        if self.table.schema.remove_metadata() == _ROW:
            return None
        texts = self.table.column("key").combine_chunks()
        first = np.flatnonzero(self._column("first"))
        positions = self.table.column("position").combine_chunks().take(pa.array(first))
        return Batch(keys.from_arrow(texts), self._column("in_scope"), texts, positions, 0, None, first=first)

    def _column(self, name: str) -> Mask:
        return np.asarray(self.table.column(name).combine_chunks().to_numpy(zero_copy_only=False))


def recorded(source: Path, out: Path, *, key: str | None, scope: Scope | None) -> Record | None:
    """The record of a part that stands as it was made of this source, by the same options; or None."""
    try:
        table = pq.read_table(_beside(out))
        said = json.loads((table.schema.metadata or {}).get(_MADE_OF, b"{}"))
        wanted = {**_options(source, key, scope), "out": _file(out)}
    except (OSError, ValueError):  # never made, cut, or OUT is gone
        return None
    return Record(said, table) if said == wanted and table.schema.remove_metadata() == _schema(source) else None


def _schema(source: Path) -> Any:
    return _SAMPLE if source.suffix == ".tar" else _ROW


def _options(source: Path, key: str | None, scope: Scope | None) -> dict[str, Any]:
    return {"source": _file(source), "key": key, "scope": [scope.column, scope.value] if scope else None}


def _file(path: Path) -> list[int]:
    """Size, and when it was changed last, in nanoseconds."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _beside(out: Path) -> Path:
    return out.with_name(f".{out.name}.filtered")
