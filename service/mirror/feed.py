"""One turn: what has happened since the last one, as files.

Order: parts, pages and the log's files are there before feed.json names them, and it is replaced by one rename. A crash
leaves the feed.json before, parts and pages that a later turn removes, and tiles, which are true and stay.

Invariants
  * A folder holds one feed of one log, and never goes back.
  * Nothing is written in doubt (law 11): what was written before ends with its lease.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from consent.acts.publish_snapshot import publish_snapshot
from consent.errors import CursorAltered, ResyncRequired
from consent.reads.feed import Feed, delta, is_kept, part
from consentkit.checkpoints import Checkpoint, open_checkpoint
from consentkit.closes import Close, PageList, PartList, digest_of, open_close, open_list, open_pages, sign_pages
from consentkit.errors import BadProof, Malformed
from consentkit.feedfile import NAME, PAGES, PARTS, FeedFile
from consentkit.notes import Verifier
from consentkit.published import Logged
from consentkit.trust import CLOCK_SKEW
from registry.log.lost import compare
from registry.log.readiness import LogInDoubt
from registry.log.signer import signer, verifier
from registry.log.tree import root
from registry.reads.log import checkpoint
from registry.reads.size import at_one_size
from service.mirror import log
from service.mirror.folder import Folder, NotOurFolder

SIGNED_ANEW: Final = timedelta(minutes=15)
OLDEST_SNAPSHOT: Final = timedelta(days=1)
MOST_PAGES: Final = 20
"""Of 5,000 rows: with more, a new snapshot costs its readers less."""
COVERED_WITHIN: Final = 10.0
"""Seconds to wait for the checkpoint over what was read; one follows within 2."""

_ASK_AGAIN: Final = 0.1

Clock = Callable[[], datetime]


class TooMuch(Exception):
    """More has changed since the snapshot than readers should have to read."""


@dataclass(frozen=True)
class Snapshot:
    """What the pages begin with: its parts, the notes of their list and of its close, and where the log holds it."""

    parts: PartList
    list: str
    close: str
    logged: Logged


@dataclass(frozen=True)
class Mirrored:
    """What a folder holds: feed.json with its notes opened. `begun`: of its snapshot."""

    file: FeedFile
    parts: PartList
    begun: Close
    pages: PageList
    close: Close
    checkpoint: Checkpoint

    @classmethod
    def read(cls, data: bytes, key: Verifier) -> "Mirrored":
        """Raises NotOurFolder for what this log did not sign."""
        try:
            return cls.of(FeedFile.decode(data), key)
        except (Malformed, BadProof) as error:  # of another registry, or written over
            raise NotOurFolder(f"Its {NAME} is not of this log ({error}): name another folder.") from error

    @classmethod
    def of(cls, file: FeedFile, key: Verifier) -> "Mirrored":
        """Raises Malformed or BadProof."""
        return cls(
            file,
            open_list(file.list, key),
            open_close(file.snapshot, key),
            open_pages(file.pages, key),
            open_close(file.close, key),
            open_checkpoint(file.checkpoint, key),
        )

    def names(self) -> set[str]:
        """All that it names and that may go one day."""
        parts = {f"{PARTS}/{each.sha256}" for each in self.parts.parts}
        pages = {f"{PAGES}/{each}" for each in self.pages.pages}
        return parts | pages | log.partial(self.checkpoint.size)


class Mirror:
    """One feed in one folder. To be used under the folder's lock."""

    def __init__(self, folder: Folder, feed: Feed, *, clock: Clock) -> None:
        self._folder, self._feed, self._clock = folder, feed, clock

    def turn(self) -> int | None:
        """The size that was written; None if nothing has happened and the last close is young.

        Raises NotOurFolder, LogInDoubt, and what the database raises.
        """
        before = self._before()
        if before is not None and self._is_fresh(before):
            return None
        snapshot, pages, close = self._newest(before)
        new = self._covered(snapshot, pages, close)
        log.write(self._folder, size=new.checkpoint.size, since=before.checkpoint.size if before else 0)
        for each in new.parts.parts:
            self._put_part(each.sha256)
        for sha256, page in pages.items():
            self._folder.put(f"{PAGES}/{sha256}", page)
        self._folder.replace("log/checkpoint", new.file.checkpoint.encode())
        self._folder.replace(NAME, new.file.encode())  # from here on it is public
        self._folder.sweep({NAME, *new.names()}, before=before.names() if before else (), at=self._clock())
        return new.close.size

    def _before(self) -> Mirrored | None:
        data = self._folder.read(NAME)
        if data is None:
            return None
        found = Mirrored.read(data, verifier())
        if (found.parts.collection, found.parts.audience) != (str(self._feed.collection), self._feed.audience):
            raise NotOurFolder(
                f"It holds the feed of collection {found.parts.collection} for {found.parts.audience}: "
                "name another folder."
            )
        if found.checkpoint.size > _signed()[1].size or root(found.checkpoint.size) != found.checkpoint.root:
            compare(found.file.checkpoint, at=self._clock())  # we signed it: the database has lost what it says
            raise NotOurFolder(
                "Its log is not the beginning of this registry's, which was restored from a backup: nothing is written."
            )
        return found

    def _is_fresh(self, before: Mirrored) -> bool:
        """By the log's own size: a checkpoint may not cover the last withdrawal yet."""
        with at_one_size() as size:
            return self._within(before.close, SIGNED_ANEW) and before.close.size == size

    def _within(self, close: Close, longest: timedelta) -> bool:
        """Younger than that, and not to come: a clock that was ahead has signed what no reader takes."""
        return -CLOCK_SKEW <= self._clock().timestamp() - close.issued_at < longest.total_seconds()

    def _newest(self, before: Mirrored | None) -> tuple[Snapshot, dict[str, bytes], str]:
        """The snapshot of before with what has changed since, while that is little; else a new one."""
        if before is not None and (known := self._known(before)) is not None:
            try:
                pages, close = self._changes(known, most=MOST_PAGES)
            except (TooMuch, CursorAltered, ResyncRequired):  # the latter two: written with another secret
                pass
            else:
                return known, pages, close
        fresh = self._published()
        return fresh, *self._changes(fresh)

    def _known(self, before: Mirrored) -> Snapshot | None:
        whole = all(self._folder.has(f"{PARTS}/{each.sha256}") for each in before.parts.parts)
        if not whole or not self._within(before.begun, OLDEST_SNAPSHOT):
            return None
        if before.parts.purposes != self._feed.purposes or not is_kept(self._feed, before.file.list):
            return None
        return Snapshot(before.parts, before.file.list, before.file.snapshot, before.file.logged)

    def _published(self) -> Snapshot:
        offer = publish_snapshot(self._feed, clock=self._clock)
        return Snapshot(open_list(offer.list, verifier()), offer.list, offer.close, offer.logged)

    def _changes(self, snapshot: Snapshot, *, most: int | None = None) -> tuple[dict[str, bytes], str]:
        """Pages by their SHA-256, and the note that closes them. Raises TooMuch past `most` pages."""
        pages, cursor = dict[str, bytes](), open_close(snapshot.close, verifier()).cursor
        while True:
            found = delta(self._feed, since=cursor, at=self._clock())
            if found.rows:
                data = json.dumps(found.rows, separators=(",", ":")).encode()
                pages[hashlib.sha256(data).hexdigest()] = data
            if most is not None and len(pages) > most:
                raise TooMuch
            if found.close is not None:
                return pages, found.close
            cursor = found.next or ""

    def _covered(self, snapshot: Snapshot, pages: dict[str, bytes], close: str) -> Mirrored:
        end, opened = time.monotonic() + COVERED_WITHIN, open_close(close, verifier())
        note, signed = _signed()
        while signed.size < opened.size:
            if time.monotonic() > end:
                raise LogInDoubt("No checkpoint follows: is `manage.py publish` running?")
            time.sleep(_ASK_AGAIN)
            note, signed = _signed()
        listed = PageList(digest_of(snapshot.list), tuple(pages), digest_of(close))
        named = sign_pages(listed, signer())
        return Mirrored.of(FeedFile(note, snapshot.list, snapshot.close, snapshot.logged, named, close), verifier())

    def _put_part(self, sha256: str) -> None:
        if not self._folder.has(f"{PARTS}/{sha256}"):
            self._folder.copy(f"{PARTS}/{sha256}", part(self._feed, sha256=sha256, at=self._clock()))


def _signed() -> tuple[str, Checkpoint]:
    """The newest checkpoint, as a note and opened. Raises LogInDoubt before the first."""
    note = checkpoint()
    if note is None:
        raise LogInDoubt("No checkpoint was signed yet: start `manage.py publish`.")
    return note, open_checkpoint(note, verifier())
