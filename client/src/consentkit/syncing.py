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
from consentkit.errors import BadProof, Inconsistent, Malformed, RolledBack, Stale
from consentkit.feeds import Drift, Feed
from consentkit.merkle import Hashes
from consentkit.notes import Verifier
from consentkit.published import Logged
from consentkit.rows import Rows, changed
from consentkit.state import Notes, State, Store
from consentkit.transport import Refused
from consentkit.trust import Trust

COVERED_WITHIN: Final = 5.0
"""Seconds to wait for the checkpoint over entries that the feed already shows; one follows within 2."""

_ASK_AGAIN: Final = 0.25

Clock = Callable[[], float]


@dataclass(frozen=True)
class _Entry:
    """What the log must hold of a snapshot of this size, and where."""

    logged: Logged
    particulars: dict[str, Any]
    size: int


@dataclass(frozen=True)
class _Held:
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


def sync(feed: Feed, store: Store, verifier: Verifier, *, clock: Clock = time.time) -> State:
    """The newest state, stored. Raises Unreachable, Malformed, BadProof, Inconsistent or Stale.

    A registry that went back is shown what it signed before, so that it doubts itself towards everybody.
    """
    with store.locked():
        store.clear_partial()
        old = store.load(verifier)
        try:
            state = _followed(feed, old, Trust(verifier), scratch=store.folder, clock=clock)
        except Inconsistent:
            for note in (old.notes.checkpoint, old.notes.close) if old else ():
                feed.report(note)
            raise
        store.save(state)
    return state


def _followed(feed: Feed, old: State | None, new: Trust, *, scratch: Path, clock: Clock) -> State:
    trust = old.trust if old else new
    trust.require_clock(clock())
    trust, checkpoint = _advance(feed, trust)
    held = _newest(feed, old, trust=trust, scratch=scratch, clock=clock)
    trust, checkpoint = _cover(feed, trust, checkpoint, close=held.close)
    if held.entry is not None:
        _require_logged(feed, trust, held.entry)
    _require_one_feed(old, held)
    trust = trust.accepted(held.close)
    return State(held.rows, held.close, held.parts, trust, Notes(checkpoint, held.close_note, held.parts_note))


# The log


def _advance(feed: Feed, trust: Trust) -> tuple[Trust, str]:
    note = feed.log("checkpoint")
    try:
        return trust.advanced(note, hashes=lambda size: _hashes(feed, size)), _text(note)
    except RolledBack as error:
        if feed.cached:  # as likely as not another copy of the same
            raise Stale("the host serves an older copy of the feed than it did before: try again later") from error
        raise


def _hashes(feed: Feed, size: int) -> Hashes:
    def read(level: int, index: int) -> bytes:
        return _or_full(feed, partial(tiles.path, level), index, width=tiles.width_of(level, index, size=size))

    return tiles.TiledHashes(read, size=size)


def _or_full(feed: Feed, path: Callable[[int, int], str], index: int, *, width: int) -> bytes:
    """A file of the log. A partial one may be gone once it is full (tlog-tiles); some hosts say so by 403."""
    try:
        return feed.log(path(index, width))
    except Refused as refused:
        if refused.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN) or width == tiles.TILE_WIDTH:
            raise
        return feed.log(path(index, tiles.TILE_WIDTH))


def _cover(feed: Feed, trust: Trust, checkpoint: str, *, close: Close) -> tuple[Trust, str]:
    """Waits for a checkpoint that covers the close; `accepted` refuses it if none has come."""
    end = time.monotonic() + COVERED_WITHIN
    while not trust.covers(close) and time.monotonic() < end:
        time.sleep(_ASK_AGAIN)
        trust, checkpoint = _advance(feed, trust)
    return trust, checkpoint


def _require_logged(feed: Feed, trust: Trust, entry: _Entry) -> None:
    """The log under the trusted checkpoint holds this snapshot, after the entries of which it is true."""
    index, checkpoint = entry.logged.index, trust.checkpoint
    if checkpoint is None or not entry.size <= index < checkpoint.size:
        raise BadProof("the snapshot is not in the log under the newest checkpoint: ask the registry's operator")
    leaf = _leaf(feed, index, size=checkpoint.size)
    merkle.verify_inclusion(
        merkle.leaf_hash(leaf),
        index=index,
        size=checkpoint.size,
        path=merkle.inclusion_path(index, checkpoint.size, _hashes(feed, checkpoint.size)),
        root=checkpoint.root,
    )
    published.require_leaf(leaf, salt=entry.logged.salt, said=entry.particulars)


def _leaf(feed: Feed, index: int, *, size: int) -> bytes:
    number, position = divmod(index, tiles.TILE_WIDTH)
    leaves = tiles.decode_bundle(_or_full(feed, tiles.entries_path, number, width=tiles.width_of(0, number, size=size)))
    if position >= len(leaves):
        raise BadProof("the log's bundle of entries is not whole: ask the registry's operator")
    return leaves[position]


# The feed


def _newest(feed: Feed, old: State | None, *, trust: Trust, scratch: Path, clock: Clock) -> _Held:
    if old is not None:
        try:
            return _changed(feed, _Held.of(old), trust=trust, clock=clock)
        except Drift:  # a snapshot starts over; what was trusted stays trusted
            pass
    snapshot = _snapshot(feed, trust=trust, scratch=scratch, clock=clock)
    try:
        # A snapshot may be an hour old, and withdrawals count at once.
        return _changed(feed, snapshot, trust=trust, clock=clock)
    except Drift as drift:  # twice is no accident
        raise BadProof(
            f"the registry's changes do not lead from its snapshot to what it signed ({drift}): ask its operator"
        ) from drift


def _changed(feed: Feed, held: _Held, *, trust: Trust, clock: Clock) -> _Held:
    """What is held, after every page. Raises Drift if the outcome is not what was signed."""
    pages, close_note = _pages(feed, held)
    close = trust.opened(close_note, at=clock())
    rows, digest = held.rows, int(held.close.digest, 16)
    if pages:
        rows, digest = changed(rows, Rows.joined(pages).sorted(), digest=digest)
    if digest != int(close.digest, 16) or len(rows) != close.count:
        raise Drift("digest or count differ")
    if close.size < held.close.size:
        raise Inconsistent(f"the registry went back from {held.close.size} to {close.size} entries")
    return replace(held, rows=rows, close=close, close_note=close_note)


def _pages(feed: Feed, held: _Held) -> tuple[list[Rows], str]:
    pages, close_note = list[Rows](), ""
    for page in feed.pages(held.parts, held.close):
        rows = snapshots.read_page(page.get("rows"), purposes=held.rows.purposes, audience=held.rows.audience)
        if len(rows):
            pages.append(rows)
        if "close" in page:
            close_note = canonical.text(page["close"])
    return pages, close_note


def _snapshot(feed: Feed, *, trust: Trust, scratch: Path, clock: Clock) -> _Held:
    offered = feed.snapshot()
    parts = snapshots.require_list(open_list(offered.list, trust.verifier))
    close = trust.opened(offered.close, at=clock())
    if parts.size != close.size:
        raise BadProof("the snapshot and its close are of different sizes")
    rows = _parts(feed, parts, scratch=scratch)
    if len(rows) != close.count or rows.digest() != int(close.digest, 16):
        raise BadProof("the snapshot is not what was signed: its digest or count differ. Ask the registry's operator")
    entry = _Entry(offered.logged, published.particulars(offered.list, parts, close), parts.size)
    return _Held(rows, close, parts, offered.close, offered.list, entry)


def _parts(feed: Feed, listed: PartList, *, scratch: Path) -> Rows:
    read = []
    with TemporaryDirectory(dir=scratch) as folder:
        for part in listed.parts:
            path = Path(folder) / part.sha256
            feed.download(part, into=path)
            read.append(snapshots.read_part(path, part, purposes=listed.purposes, audience=listed.audience))
            path.unlink()
    rows = Rows.joined(read)
    return rows if rows.in_order() else rows.sorted()


def _require_one_feed(old: State | None, new: _Held) -> None:
    """At one size, one collection has one feed for the same scopes."""
    if old is None or new.close.size != old.close.size:
        return
    if _scopes(old.parts) == _scopes(new.parts) and (old.close.count, old.close.digest) != (
        new.close.count,
        new.close.digest,
    ):
        raise Inconsistent(f"the registry signed two different feeds at {old.close.size} entries: ask its operator")


def _scopes(parts: PartList) -> tuple[str, str, tuple[str, ...]]:
    return parts.collection, parts.audience, parts.purposes


def _text(note: bytes) -> str:
    try:
        return note.decode()
    except UnicodeDecodeError as error:  # cannot be: it has just been opened
        raise Malformed("a note is UTF-8") from error
