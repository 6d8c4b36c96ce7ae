"""Filters a Parquet file by the synced state, a batch at a time.

Invariants
  * In scope, a row passes only if its key is a digest that the state permits now.
  * OUT appears whole, by one rename at the end, or not at all.
"""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from consentkit import keys, trust
from consentkit.errors import ConsentkitError
from consentkit.lookup import NOT_COVERED, PERMITTED, UNKNOWN, Lookup
from consentkit.settings import Misuse
from consentkit.state import State

BATCH_ROWS: Final = 1 << 15
BATCH_BYTES: Final = 1 << 24
GROUP_ROWS: Final = 1 << 20
GROUP_BYTES: Final = 1 << 25
"""A row group of OUT is written when it has as many rows or bytes."""

_READ_BYTES: Final = 1 << 23

Mask = NDArray[np.bool_]
Clock = Callable[[], float]


class NotParquet(ConsentkitError):
    """IN cannot be read, or OUT cannot be written."""


class NotOurs(ConsentkitError):
    """The scope has keys, and the registry knows none of them. Nothing was written."""

    def __init__(self, summary: "Summary") -> None:
        super().__init__(
            "your keys are not ours: the registry knows none of them, so nothing was kept. "
            "Keys are the SHA-256 of the image files, as 64 lower-case hex digits; see --key and --scope"
        )
        self.summary = summary


@dataclass(frozen=True)
class Scope:
    """The rows for which the registry is the authority: those where `column` is `value`, or null."""

    column: str
    value: str

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """From `COLUMN=VALUE`. Raises Misuse."""
        column, equals, value = text.partition("=")
        if not column or not equals:
            raise Misuse("--scope is COLUMN=VALUE, as in --scope source=registry")
        return cls(column, value)


@dataclass(frozen=True)
class Summary:
    """`kept` counts every row written, `out_of_scope` those among them; rows = kept + excluded + unknown."""

    rows: int
    kept: int
    excluded: int
    unknown: int
    out_of_scope: int
    size: int

    def as_json(self) -> dict[str, int]:
        """The object that `filter --json` ends with."""
        return asdict(self)


@dataclass
class Judge:
    """Decides batches, and counts. `max_age`: seconds from the close's `issued_at`."""

    state: State
    purpose: str
    max_age: int
    clock: Clock
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("rows", "kept", "excluded", "out_of_scope", "asked", "known"), 0)
    )

    def __post_init__(self) -> None:
        at = self._now()
        self._lookup = Lookup(self.state.rows, purpose=self.purpose, at=at)

    def keep(self, read: keys.Keys, in_scope: Mask | None = None) -> Mask:
        """Which rows pass. Raises Stale when the state's time ends during a long run."""
        found = self._lookup.find(read, at=self._now())
        every = np.ones(len(read), bool) if in_scope is None else in_scope
        answer = found.answer
        # Capitals are no key of ours. They can still exclude a row that nobody else vouches for.
        answer[every & ~read.proper] = UNKNOWN
        excluded = answer >= NOT_COVERED
        keep: Mask = np.where(every, answer == PERMITTED, ~excluded)
        self._count(rows=len(read), kept=keep.sum(), excluded=excluded.sum(), out_of_scope=(keep & ~every).sum())
        self._count(asked=(every & read.given).sum(), known=(every & found.known & read.proper).sum())
        return keep

    def summary(self) -> Summary:
        """What was counted. Raises NotOurs."""
        count = self.counts
        rows, excluded = count["rows"], count["excluded"]
        if count["asked"] and not count["known"]:
            raise NotOurs(Summary(rows, 0, excluded, rows - excluded, 0, self.state.size))
        unknown = rows - excluded - count["kept"]
        return Summary(rows, count["kept"], excluded, unknown, count["out_of_scope"], self.state.size)

    def _count(self, **more: Any) -> None:
        for name, number in more.items():
            self.counts[name] += int(number)

    def _now(self) -> float:
        at = self.clock()
        trust.require_young(self.state.close, max_age=self.max_age, at=at)
        return at


def filter_parquet(
    source: Path,
    out: Path,
    *,
    judge: Judge,
    key: str = "sha256",
    scope: Scope | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Summary:
    """Writes to `out` the rows that pass, with the schema and metadata of `source`.

    Raises Misuse, NotParquet, NotOurs, or Stale; then `out` is as it was.
    """
    _require_apart(source, out)
    with _reading(source) as file:
        schema = file.schema_arrow
        _require_column(schema, key, option="--key")
        if scope is not None:
            _require_column(schema, scope.column, option="--scope")
        with _appearing(out) as partial, _Writer(partial, file) as writer:
            for batch in _ahead(_batches(file)):
                keep = judge.keep(_keys(batch, key), _in_scope(batch, scope))
                writer.write(batch.filter(pa.array(keep)))
                progress(judge.counts["rows"], file.metadata.num_rows)
            writer.finish()
            return judge.summary()


# Reading


@contextmanager
def _reading(source: Path) -> Iterator[Any]:
    try:
        # `pre_buffer`, Arrow's default, would hold every column of the file until the end.
        with pq.ParquetFile(source, buffer_size=_READ_BYTES, pre_buffer=False) as file:
            yield file
    except FileNotFoundError as error:  # of IN; OUT's folder is looked for before
        raise NotParquet(f"no such file: {source}") from error
    except pa.ArrowException as error:  # not Parquet, cut, or with a codec that is not here
        raise NotParquet(f"{source} cannot be read as Parquet: {error}") from error
    except OSError as error:  # no permission, a failing or full disk
        raise NotParquet(f"{source} could not be filtered: {error}") from error


def _batches(file: Any) -> Iterator[Any]:
    metadata = file.metadata
    held = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    row_bytes = held // max(metadata.num_rows, 1) + 1
    yield from file.iter_batches(batch_size=max(min(BATCH_BYTES // row_bytes, BATCH_ROWS), 1))


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """Reads the next batch while this one is worked on."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


def _keys(batch: Any, key: str) -> keys.Keys:
    try:
        return keys.from_arrow(batch.column(key))
    except keys.NotKeys as error:  # --key names a column of another kind
        raise Misuse(f"--key {key} is {error}") from error


def _in_scope(batch: Any, scope: Scope | None) -> Mask | None:
    if scope is None:
        return None
    column = batch.column(scope.column)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        same = pc.equal(column, pa.scalar(scope.value).cast(column.type))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:  # no such value can be in that column
        raise Misuse(f"--scope {scope.column}={scope.value}: the column holds {column.type}") from error
    # Null: nobody says whose row it is, so the registry is asked.
    return np.asarray(pc.fill_null(same, True).to_numpy(zero_copy_only=False))  # noqa: FBT003 - Arrow's own order


# Writing


class _Writer:
    """Row groups into a Parquet file, written beside the reading. Codecs and dictionaries are those of IN."""

    def __init__(self, path: Path, like: Any) -> None:
        self._schema = like.schema_arrow
        self._file = pq.ParquetWriter(path, self._schema, **_properties(like.metadata))
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._group: list[Any] = []

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._file.close()

    def write(self, batch: Any) -> None:
        """Takes a batch; raises what went wrong with an earlier one."""
        if batch.num_rows:
            self._group.append(batch)
        rows = sum(each.num_rows for each in self._group)
        if rows >= GROUP_ROWS or sum(each.nbytes for each in self._group) >= GROUP_BYTES:
            self._flush()

    def finish(self) -> None:
        """Returns when all is written, the footer too."""
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
    with_dictionary = [
        column.path_in_schema for column in columns if {"RLE_DICTIONARY", "PLAIN_DICTIONARY"} & set(column.encodings)
    ]
    return {"compression": codecs, "use_dictionary": with_dictionary}


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A temporary name beside `out`, renamed to it at the end and removed on any error."""
    target = out.resolve()
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield partial
        # Not flushed to disk: after a power cut a Parquet file without its end is refused by every reader.
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


# Arguments


def _require_apart(source: Path, out: Path) -> None:
    if not out.resolve().parent.is_dir():
        raise NotParquet(f"no such folder: {out.resolve().parent}")
    if out.exists() and not out.is_file():
        raise Misuse(f"{out} is not a file that can be replaced")
    if source.resolve() == out.resolve() or (out.exists() and source.exists() and out.samefile(source)):
        raise Misuse("IN and OUT are the same file: write to another one")


def _require_column(schema: Any, name: str, *, option: str) -> None:
    if schema.names.count(name) != 1:
        raise Misuse(f"{option}: no column {name!r}, or several; the file has {', '.join(schema.names)}")
