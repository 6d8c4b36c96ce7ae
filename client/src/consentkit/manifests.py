"""What a pipeline states of one training run, signed by its own key: from what, to what, by which state of the log.

A note (c2sp.org/signed-note) of two lines: `<origin>/manifest`, where the origin is the log's, then one line of
canonical JSON. The key that signs it travels in it, and the registry keeps both.

Invariant
  * A statement names its keys by their count and SHA-256, so whoever cuts or swaps them on the way is found out.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from consentkit import canonical
from consentkit.errors import Malformed
from consentkit.notes import Signer, Verifier, open_note, parse_note

VERSION: Final = 1
KEY_BYTES: Final = 32
NOTE_BYTES: Final = 64 * 1024
FILES: Final = 16
REASONS: Final = ("not_covered", "remove", "wait")
_NAME: Final = 200
_PURPOSE: Final = 32
_LINE: Final = "manifest"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Made:
    """A file or folder: its base name, how many files and bytes, and the SHA-256 of a file.

    Of a folder, the SHA-256 of a line for each file, in order of path: `<sha256>  <path from the folder>\\n`.
    """

    name: str
    files: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Counts:
    """Rows, as `filter` counted them: rows = kept + excluded + unknown, and `out_of_scope` among the kept."""

    rows: int
    kept: int
    excluded: int
    unknown: int
    out_of_scope: int


@dataclass(frozen=True)
class Keys:
    """How many digests come with the statement, and the SHA-256 of all their bytes in the order sent."""

    count: int
    sha256: str


@dataclass(frozen=True)
class Statement:
    """One filtering and the run that used it.

    `size` is the log's that it was filtered at; `filtered_at` Unix seconds. `key` and `scope` are those given to
    `filter`. `reasons` counts the excluded rows by what a pipeline must do.
    """

    name: str
    model: str
    purpose: str
    size: int
    key: str | None
    scope: str | None
    inputs: tuple[Made, ...]
    outputs: tuple[Made, ...]
    counts: Counts
    reasons: Mapping[str, int]
    filtered_at: int
    keys: Keys


def sign_statement(statement: Statement, signer: Signer, *, origin: str) -> str:
    """The statement about a registry, whose log has this origin, as a note."""
    said = {**asdict(statement), "v": VERSION, "verifier": str(signer.verifier)}
    said |= {"inputs": list(map(asdict, statement.inputs)), "outputs": list(map(asdict, statement.outputs))}
    return signer.sign(f"{origin}/{_LINE}\n{canonical.encode(said).decode()}\n")


def open_statement(note: str, *, origin: str) -> tuple[Statement, Verifier]:
    """The statement of a note, and the key that signed it, which nobody else vouches for.

    Raises Malformed, also for one about another registry, or BadSignature.
    """
    if len(note.encode("utf-8", "surrogatepass")) > NOTE_BYTES:
        raise Malformed(f"a statement has at most {NOTE_BYTES:,} bytes")
    head, line, rest = _lines(parse_note(note).text)
    if head != f"{origin}/{_LINE}" or rest:
        raise Malformed(f"it is no statement about the registry whose log is {origin}")
    said = canonical.decode(line.encode())
    if not isinstance(said, dict) or said.pop("v", None) != VERSION:
        raise Malformed(f"expected a statement of version {VERSION}")
    verifier = Verifier.parse(canonical.text(said.pop("verifier", None)))
    open_note(note, verifier)
    return _statement(said), verifier


def _lines(text: str) -> tuple[str, str, str]:
    head, _, rest = text.partition("\n")
    line, _, rest = rest.partition("\n")
    return head, line, rest


def _statement(said: object) -> Statement:
    name, model, purpose, size, key, scope, inputs, outputs, counts, reasons, filtered_at, keys = canonical.fields(
        said,
        *("name", "model", "purpose", "size", "key", "scope"),
        *("inputs", "outputs", "counts", "reasons", "filtered_at", "keys"),
    )
    counted = Counts(*map(canonical.whole, canonical.fields(counts, *Counts.__annotations__)))
    if counted.rows != counted.kept + counted.excluded + counted.unknown or counted.out_of_scope > counted.kept:
        raise Malformed("its counts do not add up")
    return Statement(
        name=_text(name, empty=True),
        model=_text(model),
        purpose=_text(purpose, most=_PURPOSE),
        size=canonical.whole(size),
        key=None if key is None else _text(key),
        scope=None if scope is None else _text(scope),
        inputs=_made(inputs),
        outputs=_made(outputs),
        counts=counted,
        reasons=dict(zip(REASONS, map(canonical.whole, canonical.fields(reasons, *REASONS)), strict=True)),
        filtered_at=canonical.whole(filtered_at),
        keys=_keys(keys),
    )


def _made(value: object) -> tuple[Made, ...]:
    listed = canonical.array(value)
    if not 0 < len(listed) <= FILES:
        raise Malformed(f"a statement names 1 to {FILES} inputs, and as many outputs")
    found = []
    for each in listed:
        name, files, size, sha256 = canonical.fields(each, "name", "files", "bytes", "sha256")
        if "/" in canonical.text(name):
            raise Malformed("files go by their base names")
        found.append(Made(_text(name), canonical.whole(files), canonical.whole(size), _digest(sha256)))
    return tuple(found)


def _keys(value: object) -> Keys:
    count, sha256 = canonical.fields(value, "count", "sha256")
    return Keys(canonical.whole(count), _digest(sha256))


def _digest(value: object) -> str:
    if not _SHA256.fullmatch(canonical.text(value)):
        raise Malformed("a digest has 64 lower-case hex digits")
    return canonical.text(value)


def _text(value: object, *, most: int = _NAME, empty: bool = False) -> str:
    text = canonical.text(value)
    if len(text) > most or not (text or empty) or not text.isprintable():
        raise Malformed(f"a name has 1 to {most} printable characters")
    return text


def digest_of(chunks: Any) -> Keys:
    """Of some keys, as chunks of bytes."""
    digest, length = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        length += len(chunk)
    return Keys(length // KEY_BYTES, digest.hexdigest())
