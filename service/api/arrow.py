"""A check as an Arrow IPC stream: the column `key` in, `key`, `decision` and `reason` out, batch by batch.

`purpose` and `by` (default `sha256`) stand in the stream's schema metadata or behind the question mark. The stream lies
in a file, because the answer's first bytes name the lease, which the last key may shorten: it is read twice. What it
tells of which images is kept in another, because nothing can be written before all is read at one size.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import IO, Any, Final, cast

import pyarrow as pa

from consent.reads.checks import By, Question, asking
from consent.reads.pipelines import Asker
from consent.rules.decisions import ANSWERS
from service.api import forms
from service.api.doors import written
from service.api.streams import TEXTS, Kind, batches
from service.problems import Problem

MOST: Final = 5_000_000
BODY_BYTES: Final = 512 * 2**20
PIECE: Final = 16 * 100_000  # bytes of image ids in one disclosure
COLUMNS: Final[dict[str, Kind]] = {"key": TEXTS}


@dataclass(frozen=True)
class Said:
    """What the schema's metadata and the query say together."""

    purpose: str = field(metadata=forms.by(forms.purpose))
    by: str = field(default="sha256", metadata=forms.by(forms.one_of("sha256", "image")))


@dataclass(frozen=True)
class Answers:
    """One answer a key, as places in ANSWERS; small enough to keep for five million."""

    size: int
    valid_until: int
    places: list[bytes]


def answers(file: IO[bytes], schema: Any, *, asker: Asker, of: Said, at: datetime, kept: IO[bytes]) -> Answers:
    """All keys at one size. `kept` gets the ids of the images that answered, 16 bytes each."""
    places: list[bytes] = []
    by = cast("By", of.by)
    with asking(Question(asker, of.purpose, by), at=at) as questions:
        seen = 0
        for batch in batches(file, schema):
            seen += len(batch)
            if seen > MOST:
                raise Problem("bulk-too-large", f"Ask for at most {MOST:,} keys at once.")
            places.append(questions.answer(_keys(batch, by, first=seen - len(batch))))
            kept.write(questions.images)
        if not seen:
            raise Problem("bulk-empty", "Ask for at least one key.")
        return Answers(questions.size, questions.valid_until, places)


def pieces(kept: IO[bytes]) -> Iterator[bytes]:
    """What `answers` kept, some at a time."""
    kept.seek(0)
    while piece := kept.read(PIECE):
        yield piece


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
    decisions = pa.array([decided.decision.value for decided in ANSWERS], pa.string())
    reasons = pa.array([decided.told for decided in ANSWERS], pa.string())
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
