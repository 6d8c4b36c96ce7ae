"""A check as an Arrow IPC stream: the column `key` in, `key`, `decision` and `reason` out, batch by batch.

`purpose` and `by` (default `sha256`) stand in the stream's schema metadata or behind the question mark. The stream lies
in a file, because the answer's first bytes name the lease, which the last key may shorten: it is read twice.
"""

import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import IO, Any, Final, cast

import pyarrow as pa

from consent.reads.checks import Asking, By, Question, asking
from consent.reads.pipelines import Asker
from consent.rules.decisions import Decided
from service.api import forms
from service.api.doors import written
from service.problems import Problem

MEDIA_TYPE: Final = "application/vnd.apache.arrow.stream"
MOST: Final = 5_000_000
BODY_BYTES: Final = 512 * 2**20
AT_ONCE: Final = 100_000  # keys in one query
CHUNK: Final = 2**20
_RECORD_BATCH: Final = 3  # MessageHeader in Arrow's Message.fbs
_COMPRESSION: Final = 3  # the field of RecordBatch
_HEADER: Final = 2  # the field of Message
# What pyarrow, and we, meet in damaged bytes; lengths that nobody could hold come as MemoryError.
_DAMAGED: Final = (pa.ArrowException, OSError, EOFError, StopIteration, MemoryError, IndexError, ValueError)


@dataclass(frozen=True)
class Said:
    """What the schema's metadata and the query say together."""

    purpose: str = field(metadata=forms.by(forms.purpose))
    by: str = field(default="sha256", metadata=forms.by(forms.one_of("sha256", "image")))


@dataclass(frozen=True)
class Answers:
    """One answer a key, as places in `distinct`; small enough to keep for five million."""

    size: int
    valid_until: int
    distinct: list[Decided]
    places: list[bytes]


def spooled(stream: IO[bytes], *, length: int) -> IO[bytes]:
    """The whole body in a file that goes when it is closed. Raises Problem where it is too large or ends too early."""
    if length > BODY_BYTES:
        raise Problem("body-too-large", f"Send at most {BODY_BYTES:,} bytes at once.")
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it, after its last byte
    shutil.copyfileobj(stream, file, CHUNK)
    if file.tell() < length:
        raise Problem("arrow-malformed", "The stream ends too early.")
    return file


def keys_column(schema: Any) -> None:
    """Exactly one column, of texts. Raises Problem."""
    if schema.names != ["key"]:
        raise Problem("field-invalid", "The stream has one column, 'key'.", field="key")
    kind = schema.field("key").type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise Problem("field-invalid", "'key' is a column of texts.", field="key")


def said(schema: Any, query: Mapping[str, str]) -> Said:
    """Raises Problem where the two say different things."""
    given = dict(query)
    for name, value in (schema.metadata or {}).items():
        word, text = name.decode(errors="replace"), value.decode(errors="replace")
        if word in {"purpose", "by"} and given.setdefault(word, text) != text:
            raise Problem("request-ambiguous", f"The stream and the address give two values for {word!r}.")
    return forms.read(Said, given)


def schema_of(file: IO[bytes]) -> Any:
    with _readable():
        file.seek(0)
        found = pa.ipc.read_schema(pa.ipc.MessageReader.open_stream(file).read_next_message())
    keys_column(found)
    return found


def batches(file: IO[bytes], schema: Any) -> Iterator[Any]:
    """Record batches of at most AT_ONCE keys. Compressed ones are refused: a small body could unfold to any size."""
    file.seek(0)
    messages = pa.ipc.MessageReader.open_stream(file)
    with _readable():
        messages.read_next_message()
    while True:
        with _readable():
            try:
                message = messages.read_next_message()
            except StopIteration:  # the end of the stream
                return
            _require_plain(message.metadata.to_pybytes())
            batch = pa.ipc.read_record_batch(message, schema)
            batch.validate(full=True)
        for start in range(0, len(batch), AT_ONCE):
            yield batch.slice(start, AT_ONCE)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (*_DAMAGED, struct.error) as error:  # not a stream, or not all of it
        raise Problem("arrow-malformed", "The body is not an Arrow IPC stream.") from error


def answers(file: IO[bytes], schema: Any, *, asker: Asker, of: Said, at: datetime) -> Answers:
    """All keys at one size."""
    distinct: dict[Decided, int] = {}
    places: list[bytes] = []
    by = cast("By", of.by)
    with asking(Question(asker, of.purpose, by), at=at) as questions:
        seen = 0
        for batch in batches(file, schema):
            seen += len(batch)
            if seen > MOST:
                raise Problem("bulk-too-large", f"Ask for at most {MOST:,} keys at once.")
            places.append(_places(questions, _keys(batch, by, first=seen - len(batch)), distinct))
        if not seen:
            raise Problem("bulk-empty", "Ask for at least one key.")
        return Answers(questions.size, questions.valid_until, list(distinct), places)


def _places(questions: Asking, keys: list[str], distinct: dict[Decided, int]) -> bytes:
    return bytes(distinct.setdefault(decided, len(distinct)) for decided in questions.answer(keys))


def _keys(batch: Any, by: By, *, first: int) -> list[str]:
    keys = [key or "" for key in batch.column(0).to_pylist()]
    forms.require_form(keys, forms.SHA256 if by == "sha256" else forms.IMAGE, first=first)
    return keys


def rendered(file: IO[bytes], schema: Any, *, of: Said, found: Answers) -> Iterator[bytes]:
    """The answer, a piece a batch. Closes the file."""
    told = pa.schema(
        [schema.field("key"), ("decision", pa.string()), ("reason", pa.string())],
        metadata={"size": f"{found.size}", "purpose": of.purpose, "valid_until": written(found.valid_until)},
    )
    decisions = pa.array([decided.decision.value for decided in found.distinct], pa.string())
    reasons = pa.array([decided.told for decided in found.distinct], pa.string())
    out = BytesIO()
    with file, pa.ipc.new_stream(out, told) as writer:
        for batch, places in zip(batches(file, schema), found.places, strict=True):
            at = pa.array(memoryview(places), pa.uint8())
            columns = [batch.column(0), decisions.take(at), reasons.take(at)]
            writer.write_batch(pa.record_batch(columns, schema=told))
            yield _taken(out)
    yield _taken(out)


def _taken(out: BytesIO) -> bytes:
    piece = out.getvalue()
    out.seek(0)
    out.truncate()
    return piece


def _require_plain(metadata: bytes) -> None:
    """Reads the two tables of Arrow's flatbuffer that tell whether a record batch is compressed."""
    message = struct.unpack_from("<I", metadata)[0]
    if metadata[message + _offset(metadata, message, 1)] != _RECORD_BATCH:
        raise Problem("arrow-malformed", "The stream has record batches and nothing else.")
    at = message + _offset(metadata, message, _HEADER)
    batch = at + struct.unpack_from("<I", metadata, at)[0]
    if _offset(metadata, batch, _COMPRESSION):
        raise Problem("arrow-malformed", "Send the stream without compression.")


def _offset(metadata: bytes, table: int, slot: int) -> int:
    """Where a field of a flatbuffer's table is, from the table's start; 0 where it is absent."""
    fields = table - struct.unpack_from("<i", metadata, table)[0]
    if 4 + 2 * slot >= struct.unpack_from("<H", metadata, fields)[0]:
        return 0
    return int(struct.unpack_from("<H", metadata, fields + 4 + 2 * slot)[0])
