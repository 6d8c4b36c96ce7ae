"""Brings the synced state forward: checkpoint, consistency, then snapshot and deltas. All of it, or none.

  1 the checkpoint extends the trusted one   2 deltas from the state's cursor   3 on drift, a snapshot and its deltas
  4 a checkpoint covers the close, and the log under it holds the snapshot   5 the state replaces the old one
A crash or refusal before 5 leaves the old state as it was.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

from consentkit import canonical, merkle, published, snapshots, tiles
from consentkit.closes import Close, PartList, open_list
from consentkit.errors import BadProof, Inconsistent, Malformed
from consentkit.merkle import Hashes
from consentkit.notes import Verifier
from consentkit.published import Logged
from consentkit.rows import Rows, changed
from consentkit.state import Notes, State, Store
from consentkit.transport import Refused, Transport
from consentkit.trust import Trust

COVERED_WITHIN: Final = 5.0
"""Seconds to wait for the checkpoint over entries that the feed already shows; one follows within 2."""

_ASK_AGAIN: Final = 0.25
_BUILDING: Final = 600
"""Seconds until a registry has built a snapshot; ten million images take more than half a minute."""
_NEEDS_SNAPSHOT: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.GONE)

Clock = Callable[[], float]


class _Drift(Exception):
    """Rows and close disagree after a delta, or the registry does not take the cursor."""


@dataclass(frozen=True)
class _Entry:
    """What the log must hold of a snapshot of this size, and where."""

    logged: Logged
    particulars: dict[str, Any]
    size: int


@dataclass(frozen=True)
class _Feed:
    """Rows with the notes that close them: not yet accepted."""

    rows: Rows
    close: Close
    parts: PartList
    close_note: str
    parts_note: str
    entry: _Entry | None = None
    """Of a fresh snapshot only."""

    @classmethod
    def of(cls, state: State) -> Self:
        return cls(state.rows, state.close, state.parts, state.notes.close, state.notes.parts)


def sync(transport: Transport, store: Store, verifier: Verifier, *, clock: Clock = time.time) -> State:
    """The newest state, stored. Raises Unreachable, Malformed, BadProof, Inconsistent or Stale."""
    with store.locked():
        store.clear_partial()
        old = store.load(verifier)
        trust = old.trust if old else Trust(verifier)
        trust.require_clock(clock())
        trust, checkpoint = _advance(transport, trust)
        feed = _newest(transport, old, trust=trust, scratch=store.folder, clock=clock)
        trust, checkpoint = _cover(transport, trust, checkpoint, close=feed.close)
        if feed.entry is not None:
            _require_logged(transport, trust, feed.entry)
        _require_one_feed(old, feed)
        trust = trust.accepted(feed.close)
        state = State(feed.rows, feed.close, feed.parts, trust, Notes(checkpoint, feed.close_note, feed.parts_note))
        store.save(state)
    return state


# The log


def _advance(transport: Transport, trust: Trust) -> tuple[Trust, str]:
    note = transport.log("checkpoint")
    return trust.advanced(note, hashes=lambda size: _hashes(transport, size)), _text(note)


def _hashes(transport: Transport, size: int) -> Hashes:
    def read(level: int, index: int) -> bytes:
        return _or_full(transport, partial(tiles.path, level), index, width=tiles.width_of(level, index, size=size))

    return tiles.TiledHashes(read, size=size)


def _or_full(transport: Transport, path: Callable[[int, int], str], index: int, *, width: int) -> bytes:
    """A file of the log. A partial one may be gone once it is full (tlog-tiles)."""
    try:
        return transport.log(path(index, width))
    except Refused as refused:
        if refused.status != HTTPStatus.NOT_FOUND or width == tiles.TILE_WIDTH:
            raise
        return transport.log(path(index, tiles.TILE_WIDTH))


def _cover(transport: Transport, trust: Trust, checkpoint: str, *, close: Close) -> tuple[Trust, str]:
    """Waits for a checkpoint that covers the close; `accepted` refuses it if none has come."""
    end = time.monotonic() + COVERED_WITHIN
    while not trust.covers(close) and time.monotonic() < end:
        time.sleep(_ASK_AGAIN)
        trust, checkpoint = _advance(transport, trust)
    return trust, checkpoint


def _require_logged(transport: Transport, trust: Trust, entry: _Entry) -> None:
    """The log under the trusted checkpoint holds this snapshot, after the entries of which it is true."""
    index, checkpoint = entry.logged.index, trust.checkpoint
    if checkpoint is None or not entry.size <= index < checkpoint.size:
        raise BadProof("the snapshot is not in the log under the newest checkpoint: ask the registry's operator")
    leaf = _leaf(transport, index, size=checkpoint.size)
    merkle.verify_inclusion(
        merkle.leaf_hash(leaf),
        index=index,
        size=checkpoint.size,
        path=merkle.inclusion_path(index, checkpoint.size, _hashes(transport, checkpoint.size)),
        root=checkpoint.root,
    )
    published.require_leaf(leaf, salt=entry.logged.salt, said=entry.particulars)


def _leaf(transport: Transport, index: int, *, size: int) -> bytes:
    number, position = divmod(index, tiles.TILE_WIDTH)
    leaves = tiles.decode_bundle(
        _or_full(transport, tiles.entries_path, number, width=tiles.width_of(0, number, size=size))
    )
    if position >= len(leaves):
        raise BadProof("the log's bundle of entries is not whole: ask the registry's operator")
    return leaves[position]


# The feed


def _newest(transport: Transport, old: State | None, *, trust: Trust, scratch: Path, clock: Clock) -> _Feed:
    if old is not None:
        try:
            return _delta(transport, _Feed.of(old), trust=trust, clock=clock)
        except _Drift:  # a snapshot starts over; what was trusted stays trusted
            pass
    snapshot = _snapshot(transport, trust=trust, scratch=scratch, clock=clock)
    try:
        # A snapshot may be an hour old, and withdrawals count at once.
        return _delta(transport, snapshot, trust=trust, clock=clock)
    except _Drift as drift:  # twice is no accident
        raise BadProof(
            f"the registry's changes do not lead from its snapshot to what it signed ({drift}): ask its operator"
        ) from drift


def _delta(transport: Transport, feed: _Feed, *, trust: Trust, clock: Clock) -> _Feed:
    """The feed after every page. Raises _Drift if the outcome is not what was signed."""
    pages, close_note = _pages(transport, feed)
    close = trust.opened(close_note, at=clock())
    rows, digest = feed.rows, int(feed.close.digest, 16)
    if pages:
        rows, digest = changed(rows, Rows.joined(pages).sorted(), digest=digest)
    if digest != int(close.digest, 16) or len(rows) != close.count:
        raise _Drift("digest or count differ")
    if close.size < feed.close.size:
        raise Inconsistent(f"the registry went back from {feed.close.size} to {close.size} entries")
    return replace(feed, rows=rows, close=close, close_note=close_note)


def _pages(transport: Transport, feed: _Feed) -> tuple[list[Rows], str]:
    pages: list[Rows] = []
    cursor = feed.close.cursor
    while True:
        answer = _object(_ask_delta(transport, cursor))
        rows = snapshots.read_page(answer.get("rows"), purposes=feed.rows.purposes, audience=feed.rows.audience)
        if len(rows):
            pages.append(rows)
        if "close" in answer:
            return pages, canonical.text(answer["close"])
        following = canonical.text(answer.get("next"))
        if not len(rows) or following == cursor:
            raise Malformed("the registry's changes do not end")
        cursor = following


def _ask_delta(transport: Transport, cursor: str) -> Any:
    try:
        return transport.get("deltas", query={"from": cursor})
    except Refused as refused:
        if refused.status in _NEEDS_SNAPSHOT:  # altered, ahead, or of other purposes
            raise _Drift(str(refused)) from refused
        raise


def _snapshot(transport: Transport, *, trust: Trust, scratch: Path, clock: Clock) -> _Feed:
    answer = _object(transport.get("snapshot", patience=_BUILDING))
    parts_note, close_note = canonical.text(answer.get("list")), canonical.text(answer.get("close"))
    parts = snapshots.require_list(open_list(parts_note, trust.verifier))
    close = trust.opened(close_note, at=clock())
    if parts.size != close.size:
        raise BadProof("the snapshot and its close are of different sizes")
    rows = _parts(transport, parts, scratch=scratch)
    if len(rows) != close.count or rows.digest() != int(close.digest, 16):
        raise BadProof("the snapshot is not what was signed: its digest or count differ. Ask the registry's operator")
    said = published.particulars(parts_note, parts, close)
    entry = _Entry(Logged.read(answer.get("logged")), said, parts.size)
    return _Feed(rows, close, parts, close_note, parts_note, entry)


def _parts(transport: Transport, listed: PartList, *, scratch: Path) -> Rows:
    read = []
    with TemporaryDirectory(dir=scratch) as folder:
        for part in listed.parts:
            path = Path(folder) / part.sha256
            transport.download(f"snapshot/parts/{part.sha256}", into=path, sha256=part.sha256, size=part.bytes)
            read.append(snapshots.read_part(path, part, purposes=listed.purposes, audience=listed.audience))
            path.unlink()
    rows = Rows.joined(read)
    return rows if rows.in_order() else rows.sorted()


def _require_one_feed(old: State | None, feed: _Feed) -> None:
    """At one size, one collection has one feed for the same scopes."""
    if old is None or feed.close.size != old.close.size:
        return
    if _scopes(old.parts) == _scopes(feed.parts) and (old.close.count, old.close.digest) != (
        feed.close.count,
        feed.close.digest,
    ):
        raise Inconsistent(f"the registry signed two different feeds at {old.close.size} entries: ask its operator")


def _scopes(parts: PartList) -> tuple[str, str, tuple[str, ...]]:
    return parts.collection, parts.audience, parts.purposes


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise Malformed("the registry's answer is not an object")
    return answer


def _text(note: bytes) -> str:
    try:
        return note.decode()
    except UnicodeDecodeError as error:  # cannot be: it has just been opened
        raise Malformed("a note is UTF-8") from error
