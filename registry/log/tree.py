"""The log's Merkle tree, read from full tiles and, at the right edge, from the entries themselves."""

from collections.abc import Iterator

from consentkit import merkle, tiles
from registry.models import Entry, Tile

PAGE = 10_000


def leaves_between(start: int, stop: int) -> list[bytes]:
    """The leaves of entries [start, stop)."""
    found = Entry.objects.filter(index__gte=start, index__lt=stop).order_by("index")
    return [bytes(leaf) for leaf in found.values_list("leaf", flat=True)]


def leaf_hashes(start: int, stop: int) -> list[bytes]:
    """RFC 6962 leaf hashes of entries [start, stop)."""
    return [merkle.leaf_hash(leaf) for leaf in leaves_between(start, stop)]


def leaves(size: int) -> Iterator[bytes]:
    """Every leaf of the tree of this size, in order."""
    for start in range(0, size, PAGE):
        yield from leaves_between(start, min(start + PAGE, size))


def tile_hashes(level: int, index: int, width: int) -> bytes:
    """The first `width` hashes of a tile: stored when it is full, else made from what lies below it."""
    stored = Tile.objects.filter(level=level, index=index).values_list("hashes", flat=True).first()
    if stored is not None:
        return bytes(stored)[: width * 32]
    first = index * tiles.TILE_WIDTH
    if level == 0:
        return b"".join(leaf_hashes(first, first + width))
    below = (tile_hashes(level - 1, first + child, tiles.TILE_WIDTH) for child in range(width))
    return b"".join(tiles.tile_root(tile) for tile in below)


def nodes(size: int) -> merkle.Hashes:
    """The complete subtrees of the tree of this size, for roots and proofs."""

    def read(level: int, index: int) -> bytes:
        return tile_hashes(level, index, tiles.width_of(level, index, size=size))

    return tiles.TiledHashes(read, size=size)


def root(size: int) -> bytes:
    return merkle.root(size, nodes(size))
