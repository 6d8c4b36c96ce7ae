"""The log as outsiders may see it: only what the newest checkpoint covers."""

from consentkit import tiles
from registry.log.fsck import faults
from registry.log.publisher import latest
from registry.log.readiness import doubt, refuse_files_without_room
from registry.log.receipts import receipt, whole_receipt
from registry.log.tree import leaves_between, tile_hashes

__all__ = [
    "bundle",
    "checkpoint",
    "doubt",
    "faults",
    "latest",
    "receipt",
    "refuse_files_without_room",
    "tile",
    "whole_receipt",
]


def checkpoint() -> str | None:
    """The newest note; None before the first."""
    newest = latest()
    return newest.note if newest else None


def tile(level: int, index: int, *, width: int) -> bytes | None:
    """The first `width` hashes of a tile; None where the checkpoint does not reach so far."""
    return tile_hashes(level, index, width) if _reaches(level, index, width) else None


def bundle(index: int, *, width: int) -> bytes | None:
    """The first `width` entries of a bundle; None where the checkpoint does not reach so far."""
    if not _reaches(0, index, width):
        return None
    first = index * tiles.TILE_WIDTH
    return tiles.encode_bundle(leaves_between(first, first + width))


def _reaches(level: int, index: int, width: int) -> bool:
    newest = latest()
    return newest is not None and width <= tiles.width_of(level, index, size=newest.size)
