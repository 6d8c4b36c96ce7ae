"""Snapshots: a feed as immutable Parquet files, with a signed list of them.

Order: rows are written to files that nobody knows; each is synced and renamed to its SHA-256; then the act that
publishes signs and records the list. A crash leaves files without a list, which pruning removes. Where a snapshot is
kept, parts without a change are its files. Memory does not grow with the rows of more than one part.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.db import DatabaseError, connection
from django.db.models import Q

from consent.errors import CursorAltered, ResyncRequired
from consent.exclusions.cursors import parse
from consent.exclusions.feed import Feed, Totals, totals
from consent.exclusions.merging import NotMerged, changes, merged
from consent.exclusions.parts import MOST_DIGITS, Built, folder, read_from_database
from consent.models import Snapshot
from consentkit.closes import Part, open_close, open_list
from consentkit.published import Logged
from registry.errors import NotFound
from registry.log.readiness import CLOCK_TOLERANCE, LogInDoubt, doubt_since, kept_outside
from registry.log.signer import verifier
from registry.models import Entry, Opening
from registry.reads.size import at_one_size

OFFERED: Final = timedelta(hours=1)
KEPT: Final = timedelta(hours=48)
PIECES: Final = ((100_000, 0), (10_000_000, 1))  # below so many rows, so many hex digits of prefix; else two
ADVISORY_LOCK: Final = 0x736E6170  # "snap"
ALL_OF_THEM: Final = 0x736E617073  # "snaps"


@dataclass(frozen=True)
class Offer:
    """A snapshot: the size at which it is true, its parts, the two notes that sign them, and where the log holds it."""

    size: int
    parts: tuple[Part, ...]
    list: str
    close: str
    logged: Logged


def newest_or_built(feed: Feed, *, at: datetime, clock: Callable[[], datetime]) -> Offer | Built:
    """The newest snapshot if nothing in the feed has changed since and it is not an hour old, else fresh files.

    `at`: now; `clock` is asked once more where merging has failed, which may have taken long. Raises LogInDoubt. To be
    called by who is `alone`.
    """
    with _undoubted(at) as size:
        now = totals(feed)
        found = _newest(feed, since=at - KEPT)
        if found and _is_young(found, at) and _unchanged(found, now) and _leads_on(found, feed):
            return _offer(found)
        base = _base(found, now)
        changed = changes(feed, base, now=now) if base else None
    if base is not None and changed is not None:
        try:
            return Built(size, merged(feed, base, changed, now=now), now)
        except NotMerged:  # whatever the reason: the rows are there to be read
            at = clock()
    with _undoubted(at) as size:
        now = totals(feed)
        return Built(size, tuple(read_from_database(feed, prefix) for prefix in _prefixes(now.count)), now)


@contextmanager
def _undoubted(at: datetime) -> Iterator[int]:
    """One size for what is read inside. Raises LogInDoubt."""
    kept = kept_outside(at)
    with at_one_size() as size:
        if doubted := doubt_since(kept, at=at):
            raise LogInDoubt(doubted.reason)
        yield size


def is_kept(feed: Feed, note: str) -> bool:
    """Whether the list of this note is one that may still be offered: none is after standings were made anew."""
    return Snapshot.objects.filter(_of(feed), parts=note).exists()


def part(feed: Feed, *, sha256: str, at: datetime) -> Path:
    """The file of a part that this feed's key may read. Raises NotFound."""
    lists = Snapshot.objects.filter(_of(feed), built_at__gt=at - KEPT, parts__contains=f'"{sha256}"')
    path = folder() / sha256
    if not lists.exists() or not path.exists():
        raise NotFound("There is no such part. Take the list of a snapshot of the last 48 hours.")
    return path


class alone:  # noqa: N801 - reads as a statement
    """Hold this feed's advisory lock; a wait ends with the database's lock timeout.

    One builds at a time for each feed; whoever waits finds what the other has published. Nobody does while standings
    are made anew.
    """

    def __init__(self, feed: Feed) -> None:
        self._keys = [ADVISORY_LOCK, int.from_bytes(feed.identity[:4], "big", signed=True)]

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock_shared(%s)", [ALL_OF_THEM])
            try:
                cursor.execute("SELECT pg_advisory_lock(%s, %s)", self._keys)
            except DatabaseError:  # another builds for longer than a lock may be waited for
                cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [ALL_OF_THEM])
                raise

    def __exit__(self, *_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", self._keys)
            cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [ALL_OF_THEM])


def alone_with_snapshots() -> None:
    """Until this transaction ends nobody builds one; whoever is at it is waited for, as long as it takes."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = 0")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ALL_OF_THEM])
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")


def _of(feed: Feed) -> Q:
    return Q(collection=feed.collection, scopes=feed.bits)


def _newest(feed: Feed, *, since: datetime) -> Snapshot | None:
    return Snapshot.objects.filter(_of(feed), built_at__gt=since).order_by("-built_at", "-size").first()


def _is_young(found: Snapshot, at: datetime) -> bool:
    """One that is to come was made by a clock that was ahead: nobody would take it."""
    return at - OFFERED < found.built_at <= at + CLOCK_TOLERANCE


def _base(found: Snapshot | None, now: Totals) -> Built | None:
    """The kept snapshot, where the next is to be cut into the same pieces."""
    if found is None:
        return None
    base = _as_built(found)
    return base if [each.prefix for each in base.parts] == _prefixes(now.count) else None


def _as_built(found: Snapshot) -> Built:
    """What its two notes say."""
    end = open_close(found.close, verifier())
    return Built(found.size, open_list(found.parts, verifier()).parts, Totals(end.count, end.digest))


def _offer(found: Snapshot) -> Offer:
    opening = Opening.objects.get(act=found.act)
    logged = Logged(Entry.objects.get(act=found.act).index, bytes(opening.salt))
    return Offer(found.size, _as_built(found).parts, found.parts, found.close, logged)


def _unchanged(found: Snapshot, now: Totals) -> bool:
    """Law 2: what was withdrawn since must not be offered as permitted, so only an equal sum will do."""
    known = _as_built(found)
    return known.totals == now and all((folder() / each.sha256).exists() for each in known.parts)


def _leads_on(found: Snapshot, feed: Feed) -> bool:
    """Its cursor may have been written with a secret that has changed since: no delta could begin there."""
    try:
        parse(open_close(found.close, verifier()).cursor, feed=feed)
    except (CursorAltered, ResyncRequired):  # ours no longer
        return False
    return True


def _prefixes(rows: int) -> list[str]:
    digits = next((digits for below, digits in PIECES if rows < below), MOST_DIGITS)
    return [f"{number:0{digits}x}" if digits else "" for number in range(16**digits)]


def prune(at: datetime) -> None:
    """Lists first, then the files that no list names and that are not being made just now."""
    Snapshot.objects.filter(built_at__lte=at - KEPT).delete()
    named = {each.sha256 for note in _notes() for each in open_list(note, verifier()).parts}
    for path in folder().iterdir():
        if path.name not in named and path.stat().st_mtime < (at - KEPT).timestamp():
            path.unlink(missing_ok=True)


def _notes() -> Iterator[str]:
    yield from Snapshot.objects.values_list("parts", flat=True).iterator()
