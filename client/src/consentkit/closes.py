"""What a log's key signs about its feed: the close of a snapshot or delta, a snapshot's list of parts, and in plain
files the pages behind it.

All are notes of two lines: `<origin>/feed`, `<origin>/snapshot` or `<origin>/pages`, then one line of canonical JSON.
The first line keeps them apart from each other and from checkpoints, which the same key signs.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from consentkit import canonical
from consentkit.errors import BadProof, Malformed
from consentkit.notes import Signer, Verifier, open_note

_FEED: Final = "feed"
_SNAPSHOT: Final = "snapshot"
_PAGES: Final = "pages"
_SHA256_BYTES: Final = 32
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PREFIX: Final = re.compile(r"[0-9a-f]{0,2}")


@dataclass(frozen=True)
class Close:
    """The end of a feed: `count` images and this digest (64 hex) at `size`. Times are Unix seconds.

    `cursor` is where the next delta begins; after `not_after` the state must not be used.
    """

    size: int
    count: int
    digest: str
    cursor: str
    issued_at: int
    not_after: int


@dataclass(frozen=True)
class Part:
    """One Parquet file of a snapshot: the rows whose digests begin with `prefix` (0 to 2 hex digits)."""

    prefix: str
    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class PartList:
    """All parts of a snapshot: together every row of one collection, for these scopes, at `size`."""

    collection: str
    audience: str
    purposes: tuple[str, ...]
    size: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class PageList:
    """What plain files hold behind a snapshot: `pages`, SHA-256 of each (64 hex), with all that has changed since.

    `list` and `close` are the SHA-256 of the two notes that they stand between. The close sums the rows, which shows
    drift; against whoever may choose the rows a sum is no proof, so the pages are named by what is signed.
    """

    list: str
    pages: tuple[str, ...]
    close: str


def sign_close(close: Close, signer: Signer) -> str:
    """The close as a note."""
    return _sign(_FEED, asdict(close), signer)


def open_close(note: str | bytes, verifier: Verifier) -> Close:
    """The close of a note signed by the log that the verifier names. Raises Malformed or BadProof."""
    size, count, digest, cursor, issued_at, not_after = canonical.fields(
        _open(_FEED, note, verifier), "size", "count", "digest", "cursor", "issued_at", "not_after"
    )
    return Close(
        size=canonical.whole(size),
        count=canonical.whole(count),
        digest=_digest(digest),
        cursor=canonical.text(cursor),
        issued_at=canonical.whole(issued_at),
        not_after=canonical.whole(not_after),
    )


def sign_list(parts: PartList, signer: Signer) -> str:
    """The list of parts as a note."""
    return _sign(_SNAPSHOT, asdict(parts), signer)


def open_list(note: str | bytes, verifier: Verifier) -> PartList:
    """The list of parts of a note signed by the log that the verifier names. Raises Malformed or BadProof."""
    audience, collection, parts, purposes, size = canonical.fields(
        _open(_SNAPSHOT, note, verifier), "audience", "collection", "parts", "purposes", "size"
    )
    return PartList(
        collection=_matching(_UUID, collection),
        audience=canonical.text(audience),
        purposes=tuple(canonical.text(purpose) for purpose in canonical.array(purposes)),
        size=canonical.whole(size),
        parts=tuple(_part(part) for part in canonical.array(parts)),
    )


def sign_pages(pages: PageList, signer: Signer) -> str:
    """The list of pages as a note."""
    return _sign(_PAGES, asdict(pages), signer)


def open_pages(note: str | bytes, verifier: Verifier) -> PageList:
    """The list of pages of a note signed by the log that the verifier names. Raises Malformed or BadProof."""
    close, listed, pages = canonical.fields(_open(_PAGES, note, verifier), "close", "list", "pages")
    return PageList(_digest(listed), tuple(map(_digest, canonical.array(pages))), _digest(close))


def digest_of(note: str) -> str:
    """By which a list of pages names a note: the SHA-256 of its bytes, 64 hex."""
    return hashlib.sha256(note.encode()).hexdigest()


def _digest(value: object) -> str:
    return canonical.from_hex(value, size=_SHA256_BYTES).hex()


def _part(value: object) -> Part:
    size, prefix, rows, sha256 = canonical.fields(value, "bytes", "prefix", "rows", "sha256")
    return Part(
        prefix=_matching(_PREFIX, prefix),
        sha256=_digest(sha256),
        bytes=canonical.whole(size),
        rows=canonical.whole(rows),
    )


def _matching(pattern: re.Pattern[str], value: object) -> str:
    if not pattern.fullmatch(canonical.text(value)):
        raise Malformed(f"expected {pattern.pattern}")
    return canonical.text(value)


def _sign(subject: str, statement: Mapping[str, Any], signer: Signer) -> str:
    return signer.sign(f"{signer.name}/{subject}\n{canonical.encode(statement).decode()}\n")


def _open(subject: str, note: str | bytes, verifier: Verifier) -> Any:
    lines = open_note(note, verifier).split("\n")
    if len(lines) != 3 or lines[2] != "":
        raise Malformed("a signed statement has two lines")
    if lines[0] != f"{verifier.name}/{subject}":
        raise BadProof(f"not a {subject} of {verifier.name}")
    return canonical.decode(lines[1].encode())
