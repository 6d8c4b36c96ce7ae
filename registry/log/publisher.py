"""From entries to a signed checkpoint, in numbered steps.

Invariants
  * Only one publisher runs: it holds an advisory lock for as long as it lives.
  * It never signs what does not extend the checkpoint kept outside the database (law 7): on any doubt it stops.
  * Whatever a checkpoint commits to is readable before the checkpoint is.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from consentkit import merkle, tiles
from consentkit.checkpoints import Checkpoint as Signed
from consentkit.checkpoints import sign_checkpoint
from consentkit.errors import Inconsistent
from registry.log import outside, tree
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
    """One turn; None when there is nothing new. Raises Inconsistent when signing would fork or rewind the log."""
    kept = _kept()  # 1
    size = head_size()
    if kept is not None and kept.size == size and _row_exists(size):
        return None
    _refuse_unless_extends(kept, size)  # 2
    _store_tiles(size)  # 3  crash: orphan tiles, which the next turn finds equal
    note = _sign(kept, size)  # 4
    outside.replace(note)  # 5  crash: the file is ahead of the row; step 1 of the next turn reads it
    _store_row(size, note, at)  # 6
    return Published(size, note)


def _kept() -> Signed | None:
    found = outside.read()
    if found is None and Checkpoint.objects.exists():
        raise Inconsistent("checkpoints exist in the database, but the one kept outside is gone: restore that file")
    return found[0] if found else None


def _row_exists(size: int) -> bool:
    return _note_of(size) is not None


def _note_of(size: int) -> str | None:
    return Checkpoint.objects.filter(size=size).values_list("note", flat=True).first()


def _refuse_unless_extends(kept: Signed | None, size: int) -> None:
    if kept is None:
        return
    if size < kept.size:
        raise Inconsistent(f"the database holds {size} entries, {kept.size} were signed: it was rolled back")
    if tree.root(kept.size) != kept.root:
        raise Inconsistent(f"the first {kept.size} entries are not those that were signed")


def _store_tiles(size: int) -> None:
    """Full tiles only, lowest level first: a tile is made from the stored ones below it."""
    before = latest()
    for level, index in tiles.full_tiles_between(before.size if before else 0, size):
        hashes = tree.tile_hashes(level, index, tiles.TILE_WIDTH)
        Tile.objects.bulk_create([Tile(level=level, index=index, hashes=hashes)], ignore_conflicts=True)


def _sign(kept: Signed | None, size: int) -> str:
    """Sign once: a size that was already signed keeps its note, byte for byte. It may stand in the file alone (a crash
    after step 5) or in the row alone (an older file was put back in its place).
    """
    if published := _note_of(size):
        return published
    if kept is not None and kept.size == size:
        found = outside.read()
        if found is not None:
            return found[1]
    return sign_checkpoint(Signed(origin(), size, tree.root(size)), signer())


@transaction.atomic(durable=True)
def _store_row(size: int, note: str, at: datetime) -> None:
    if _row_exists(size):
        return
    root = tree.root(size) if size else merkle.EMPTY_ROOT
    Checkpoint(size=size, root=root, note=note, signed_at=at).save(force_insert=True)


def latest() -> Checkpoint | None:
    """The newest published checkpoint."""
    return Checkpoint.objects.order_by("-size").first()
