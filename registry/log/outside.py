"""The last checkpoint and the latest time, kept outside the database, so that a restored backup cannot forget with it
(law 7, law 9).

Rules
  * The newest of all places counts, and a place that cannot be read is a doubt: it may be the one that knows better.
  * Every place holds what the database's newest row says, or more. One that is behind, or empty beside another, is
    brought up to date, if what it holds is a beginning of the same log.

Order inside a turn of the publisher: these files first, then the database's row. A crash between leaves some of them
ahead by a checkpoint over entries that are committed; the next turn finds it, brings the others up and writes the row.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from django.conf import settings

from consentkit.checkpoints import Checkpoint, open_checkpoint
from consentkit.errors import Inconsistent, Malformed
from consentkit.notes import Verifier
from registry.log.places import Address, Folder, places
from registry.log.signer import verifier

CHECKPOINT: Final = "checkpoint"
CLOCK: Final = "clock"


@dataclass(frozen=True)
class Kept:
    """What the places hold: the newest checkpoint and its note, the older ones where a place is behind, and the size of
    the one that is furthest behind (-1: a place has none); the latest time that was kept, and the earliest (None: a
    place has none).
    """

    newest: Checkpoint
    note: str
    older: tuple[Checkpoint, ...]
    least: int
    clock: datetime | None
    earliest: datetime | None


def all_places() -> tuple[Folder | Address, ...]:
    """The places, as the setting names them."""
    return places(str(settings.CHECKPOINT_DIR))


def look(*, fresh: bool = False) -> Kept | None:
    """All places; None before the first checkpoint. `fresh`: as they are now, without what addresses said before.

    Raises BadProof or Malformed on a foreign or altered file, Inconsistent on two histories, and OSError.
    """
    found = [kept_at(place, fresh=fresh) for place in all_places()]
    present = {signed.size: (signed, note) for signed, note in filter(None, found)}
    if not present:
        return None
    for signed, _ in filter(None, found):
        if signed != present[signed.size][0]:
            raise Inconsistent(f"two different checkpoints of {signed.size} entries are kept outside the database")
    newest, note = present[max(present)]
    older = tuple(signed for size, (signed, _) in present.items() if size != newest.size)
    least = -1 if None in found else min(present)
    clocks = [_clock(place, fresh=fresh) for place in all_places()]
    known = [clock for clock in clocks if clock is not None]
    return Kept(newest, note, older, least, max(known, default=None), min(known) if len(known) == len(clocks) else None)


def read() -> tuple[Checkpoint, str] | None:
    """The newest checkpoint and its note; None before the first. Raises what `look` does."""
    kept = look()
    return None if kept is None else (kept.newest, kept.note)


def kept_at(place: Folder | Address, *, fresh: bool) -> tuple[Checkpoint, str] | None:
    """What one place holds. Raises BadProof, Malformed and OSError."""
    data = place.read(CHECKPOINT, fresh=fresh)
    if data is None:
        return None
    try:
        note = data.decode("utf-8")
    except UnicodeDecodeError as error:  # written over
        raise Malformed("the checkpoint's file is not text") from error
    return _opened(note, verifier()), note


@lru_cache(maxsize=16)
def _opened(note: str, key: Verifier) -> Checkpoint:
    return open_checkpoint(note, key)


def _clock(place: Folder | Address, *, fresh: bool) -> datetime | None:
    data = place.read(CLOCK, fresh=fresh)
    if data is None:
        return None
    try:
        return datetime.fromtimestamp(int(data.decode("ascii")), UTC)
    except (ValueError, OverflowError, OSError) as error:  # written over
        raise Malformed("the clock's file is not a number of seconds") from error


def replace(note: str) -> None:
    """Durably into every place that does not hold it yet."""
    content = note.encode()
    for place in all_places():
        if place.read(CHECKPOINT, fresh=True) != content:
            place.write(CHECKPOINT, content)


def keep_time(at: datetime) -> None:
    """Durably into every place, in whole seconds, rounded down."""
    for place in all_places():
        place.write(CLOCK, f"{int(at.timestamp())}\n".encode())


@contextmanager
def alone() -> Iterator[None]:
    """Hold the folders against a publisher over a copy of this database."""
    with ExitStack() as held:
        for place in all_places():
            if isinstance(place, Folder):
                held.enter_context(place.locked())
        yield
