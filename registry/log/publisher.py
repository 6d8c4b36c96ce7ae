"""From entries to a signed checkpoint, in numbered steps.

Invariants
  * Only one publisher runs: it holds an advisory lock for as long as it lives.
  * It never signs what does not extend each checkpoint kept outside the database, nor with a clock that went back, nor
    once somebody has shown a signed size that this database lost (law 7): on any doubt it stops.
  * Whatever a checkpoint commits to is readable before the checkpoint is.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from consentkit import merkle, tiles
from consentkit.checkpoints import Checkpoint as Signed
from consentkit.checkpoints import sign_checkpoint
from consentkit.errors import Inconsistent
from registry.log import clock, outside, tree
from registry.log.lost import lost_size
from registry.log.outside import Kept
from registry.log.recorder import head_size
from registry.log.signer import origin, signer
from registry.models import Checkpoint, Tile

ADVISORY_LOCK = 0x636F6E73656E74  # "consent"


@dataclass(frozen=True)
class Published:
    """A checkpoint was signed over this many entries."""

    size: int
    note: str


def hold_lock() -> bool:
    """Become the publisher for as long as this connection lives; False where another one is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        (won,) = cursor.fetchone()
    return bool(won)


def turn(at: datetime) -> Published | None:
    """One turn; None when there is nothing new.

    Raises Inconsistent when signing would fork or rewind the log, BadProof or Malformed where a place outside holds
    what is not ours, and OSError where one cannot be read or written.
    """
    kept = _kept()  # 1
    _keep_time(kept, at)  # 2  crash: the places are ahead of the database's mark, or behind it; the later one counts
    if _is_published(kept, head_size()):
        return None
    with outside.alone():
        size = head_size()
        kept = outside.look(fresh=True)
        _refuse_unless_extends(kept, size)  # 3
        _store_tiles(size)  # 4  crash: orphan tiles, which the next turn finds equal
        note = _sign(kept, size)  # 5
        outside.replace(note)  # 6  crash: places are ahead of the row; step 1 of the next turn reads them
        _store_row(size, note, at)  # 7
        return Published(size, note)


def _kept() -> Kept | None:
    kept = outside.look()
    if kept is None and Checkpoint.objects.exists():
        raise Inconsistent("checkpoints exist in the database, but the one kept outside is gone: restore that file")
    return kept


def _keep_time(kept: Kept | None, at: datetime) -> None:
    """Law 7: none is signed earlier in time than its predecessor. The mark rises in idle minutes, too."""
    newest, outer = latest(), kept.clock if kept else None
    if seconds := clock.seconds_behind(at, clock.latest(), outer, newest.signed_at if newest else None):
        raise Inconsistent(f"the clock is {seconds} s behind the latest time that was seen here: set it")
    clock.see(at)
    earliest = kept.earliest if kept else None
    if earliest is None or at >= earliest + clock.EVERY:
        outside.keep_time(max(at, outer) if outer else at)


def _is_published(kept: Kept | None, size: int) -> bool:
    return kept is not None and kept.newest.size == kept.least == size and _row_exists(size)


def _row_exists(size: int) -> bool:
    return _note_of(size) is not None


def _note_of(size: int) -> str | None:
    return Checkpoint.objects.filter(size=size).values_list("note", flat=True).first()


def _refuse_unless_extends(kept: Kept | None, size: int) -> None:
    if (lost := lost_size()) is not None:
        raise Inconsistent(f"a signed size of {lost.size} was shown, and the database held {lost.head} entries")
    for signed in (kept.newest, *kept.older) if kept else ():
        if size < signed.size:
            raise Inconsistent(f"the database holds {size} entries, {signed.size} were signed: it was rolled back")
        if tree.root(signed.size) != signed.root:
            raise Inconsistent(f"the first {signed.size} entries are not those that were signed")


def _store_tiles(size: int) -> None:
    """Full tiles only, lowest level first: a tile is made from the stored ones below it."""
    before = latest()
    for level, index in tiles.full_tiles_between(before.size if before else 0, size):
        hashes = tree.tile_hashes(level, index, tiles.TILE_WIDTH)
        Tile.objects.bulk_create([Tile(level=level, index=index, hashes=hashes)], ignore_conflicts=True)


def _sign(kept: Kept | None, size: int) -> str:
    """Sign once: a size that was already signed keeps its note, byte for byte. It may stand outside alone (a crash
    after step 6) or in the row alone (older files were put back in their places).
    """
    if published := _note_of(size):
        return published
    if kept is not None and kept.newest.size == size:
        return kept.note
    return sign_checkpoint(Signed(origin(), size, tree.root(size)), signer())


@transaction.atomic(durable=True)
def _store_row(size: int, note: str, at: datetime) -> None:
    """Within the clocks' tolerance `at` may be earlier than the row before; the row is not."""
    if _row_exists(size):
        return
    root = tree.root(size) if size else merkle.EMPTY_ROOT
    newest = latest()
    signed_at = max(at, newest.signed_at) if newest else at
    Checkpoint(size=size, root=root, note=note, signed_at=signed_at).save(force_insert=True)


def latest() -> Checkpoint | None:
    """The newest published checkpoint."""
    return Checkpoint.objects.order_by("-size").first()
