"""Arrow IPC streams as bodies: kept in a file, read batch by batch, and refused where a small one could unfold.

What else is to be said (a purpose, a version) stands in the schema's metadata or behind the question mark.
"""

import shutil
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import IO, Any, Final, TypeVar, cast

import pyarrow as pa
from rest_framework.request import Request

from registry.reads.log import refuse_files_without_room
from service.api import forms
from service.problems import Problem

Form = TypeVar("Form")
Kind = tuple[str, Callable[[Any], bool]]  # what a column holds, in words and as a question to its type

MEDIA_TYPE: Final = "application/vnd.apache.arrow.stream"
AT_ONCE: Final = 100_000  # rows in one piece
CHUNK: Final = 2**20
TEXTS: Final[Kind] = ("texts", lambda kind: bool(pa.types.is_string(kind) or pa.types.is_large_string(kind)))
BYTES: Final[Kind] = ("bytes", lambda kind: bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind)))
_RECORD_BATCH: Final = 3  # MessageHeader in Arrow's Message.fbs
_COMPRESSION: Final = 3  # the field of RecordBatch
_HEADER: Final = 2  # the field of Message
# What pyarrow, and we, meet in damaged bytes; lengths that nobody could hold come as MemoryError.
_DAMAGED: Final = (pa.ArrowException, OSError, EOFError, StopIteration, MemoryError, IndexError, ValueError)


def is_stream(request: Request) -> bool:
    """Does the request say that its body is one?"""
    return (request.content_type or "").partition(";")[0].strip().lower() == MEDIA_TYPE


def spooled(request: Request, *, most: int) -> IO[bytes]:
    """The whole body in a file that goes when it is closed. Raises Problem where it has more than `most` bytes or ends
    too early.
    """
    if request.stream is None:
        raise Problem("arrow-malformed", "The body is empty. Send an Arrow IPC stream with its Content-Length.")
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > most:
        raise Problem("body-too-large", f"Send at most {most:,} bytes at once.")
    refuse_files_without_room()
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever answers closes it
    shutil.copyfileobj(request.stream, file, CHUNK)
    if file.tell() < length:
        raise Problem("arrow-malformed", "The stream ends too early.")
    return file


def schema_of(file: IO[bytes], columns: Mapping[str, Kind]) -> Any:
    """The stream's schema. Raises Problem unless it has exactly these columns, in this order."""
    with _readable():
        file.seek(0)
        found = pa.ipc.read_schema(pa.ipc.MessageReader.open_stream(file).read_next_message())
    if found.names != list(columns):
        wanted = " and ".join(f"{name!r}" for name in columns)
        raise Problem(
            "field-invalid", f"The stream has the columns {wanted}, and no others.", field=next(iter(columns))
        )
    for name, (words, fits) in columns.items():
        if not fits(found.field(name).type):
            raise Problem("field-invalid", f"{name!r} is a column of {words}.", field=name)
    return found


def said(schema: Any, query: Mapping[str, str], form: type[Form]) -> Form:
    """The schema's metadata and the query, as this form. Raises Problem where the two say different things."""
    given = dict(query)
    words = {each.name for each in fields(cast("Any", form))}
    for name, value in (schema.metadata or {}).items():
        word, text = name.decode(errors="replace"), value.decode(errors="replace")
        if word in words and given.setdefault(word, text) != text:
            raise Problem("request-ambiguous", f"The stream and the address give two values for {word!r}.")
    return forms.read(form, given)


def batches(file: IO[bytes], schema: Any) -> Iterator[Any]:
    """Record batches of at most AT_ONCE rows. Compressed ones are refused: a small body could unfold to any size."""
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
