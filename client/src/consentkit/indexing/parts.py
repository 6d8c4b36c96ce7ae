"""A part of an index: one Parquet file with a row for every picture of one shard or folder.

It appears whole or not at all, and says what it was made of, so that a run that was broken off goes on.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from consentkit.indexing.members import Member
from consentkit.lookers import Look
from consentkit.sources.appearing import appearing
from consentkit.sources.batches import Unreadable

VERSION: Final = 1

SCHEMA: Final = pa.schema(
    {
        "position": pa.string(),
        "stored": pa.binary(32),
        "source": pa.binary(32),
        "views": pa.binary(),
        "problem": pa.string(),
    }
)
"""`views`: packed as `match` sends them; null where the picture was not looked at, or `problem` says why not."""

_MADE_OF: Final = b"consentkit.index"
_ROWS: Final = 1024

Row = tuple[Member, Look | None]


@dataclass(frozen=True)
class MadeOf:
    """`views`: the version of the views that were looked for, or None."""

    unit: str
    stamp: str
    source_field: str
    views: int | None
    version: int = VERSION

    def serves(self, wanted: "MadeOf") -> bool:
        """Whether a part of this has all that a part of `wanted` would have."""
        return self == wanted or (wanted.views is None and self == MadeOf(**{**asdict(wanted), "views": self.views}))


def write(part: Path, made_of: MadeOf, rows: Iterable[Row]) -> None:
    """Whatever raises: then no part is there, or the one before."""
    said = SCHEMA.with_metadata({_MADE_OF: json.dumps(asdict(made_of))})
    with appearing(part) as partial, pq.ParquetWriter(partial, said, compression="zstd") as file:
        for some in _portions(rows):
            columns = zip(*map(_row, some), strict=True)
            arrays = [pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)]
            file.write_batch(pa.record_batch(arrays, schema=said))


def made_of(part: Path) -> MadeOf | None:
    """What a part was made of; None if it is not there, cut, or none of ours."""
    try:
        schema = pq.read_schema(part)
        said = json.loads((schema.metadata or {}).get(_MADE_OF, b"null"))
        return MadeOf(**said) if schema.remove_metadata() == SCHEMA else None
    except (OSError, ValueError, TypeError, pa.ArrowException):
        return None


def read(part: Path, columns: list[str]) -> Iterator[Any]:
    """Arrow batches. Raises Unreadable."""
    try:
        with pq.ParquetFile(part, pre_buffer=False) as file:
            if file.schema_arrow.remove_metadata() != SCHEMA:
                raise Unreadable(f"{part} is no part of an index: run consentkit index again")
            yield from file.iter_batches(batch_size=1 << 15, columns=columns)
    except (pa.ArrowException, OSError) as error:  # cut, written over, gone
        raise Unreadable(f"{part} cannot be read ({error}): remove it, and run consentkit index again") from error


def count(part: Path) -> int:
    """How many pictures it has. Raises Unreadable."""
    try:
        return int(pq.read_metadata(part).num_rows)
    except (pa.ArrowException, OSError) as error:  # cut, written over, gone
        raise Unreadable(f"{part} cannot be read ({error}): remove it, and run consentkit index again") from error


def _row(row: Row) -> tuple[str, bytes, bytes | None, bytes | None, str | None]:
    member, look = row
    problems = [each for each in (look.problem if look else "", member.doubt) if each]
    return member.key, member.stored, member.source, look.views if look else None, "; ".join(problems) or None


def _portions(rows: Iterable[Row]) -> Iterator[list[Row]]:
    some: list[Row] = []
    for each in rows:
        some.append(each)
        if len(some) == _ROWS:
            yield some
            some = []
    if some:
        yield some
