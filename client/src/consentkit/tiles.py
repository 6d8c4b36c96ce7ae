"""Tiles: the log's tree as files of 256 hashes, and its entries beside them (c2sp.org/tlog-tiles).

Invariants
  * A full tile never changes; a partial tile is a prefix of every longer one.
  * A hash enters level L + 1 only when its level L tile is full.
  * Every tile and bundle has exactly one path, and no other text parses as one.
"""

import re
import struct
from collections.abc import Callable, Iterable
from typing import Final

from consentkit.errors import Malformed
from consentkit.merkle import HASH_BYTES, Hashes, node_from_leaves

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 256

_LEVELS: Final = 64
_INDEX_END: Final = 10**18
_ENTRY_BYTES: Final = 2**16 - 1
_INDEX: Final = r"((?:x(?!000)[0-9]{3}/(?:x[0-9]{3}/){0,4})?[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
_TILE_PATH: Final = re.compile(r"(0|[1-9][0-9]?)/" + _INDEX)
_ENTRIES_PATH: Final = re.compile(_INDEX)

Read = Callable[[int, int], bytes]
"""read(level, index): the bytes of a tile."""


# Paths


def path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Where a tile is: `tile/0/x001/234`, with `.p/<width>` if it is partial."""
    if not 0 <= level < _LEVELS:
        raise Malformed(f"no tile level {level}")
    return f"tile/{level}/{_index_path(index, width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Where a bundle of entries is: `tile/entries/x001/234`, with `.p/<width>` if it is partial."""
    return f"tile/entries/{_index_path(index, width)}"


def parse_path(text: str) -> tuple[int, int, int]:
    """Level, index and width from `<L>/<N>[.p/<W>]`, which is what follows `tile/`."""
    match = _TILE_PATH.fullmatch(text)
    if not match or int(match[1]) >= _LEVELS:
        raise Malformed("not the path of a tile")
    return int(match[1]), *_index(match[2], match[3])


def parse_entries_path(text: str) -> tuple[int, int]:
    """Index and width from `<N>[.p/<W>]`, which is what follows `tile/entries/`."""
    match = _ENTRIES_PATH.fullmatch(text)
    if not match:
        raise Malformed("not the path of a bundle")
    return _index(match[1], match[2])


def _index_path(index: int, width: int) -> str:
    if not 0 <= index < _INDEX_END or not 0 < width <= TILE_WIDTH:
        raise Malformed(f"no tile {index} of width {width}")
    last = f"{index % 1000:03}"
    while index := index // 1000:
        last = f"{index % 1000:03}/{last}"
    parts = last.split("/")
    digits = "/".join([f"x{part}" for part in parts[:-1]] + parts[-1:])
    return digits if width == TILE_WIDTH else f"{digits}.p/{width}"


def _index(digits: str, width: str | None) -> tuple[int, int]:
    if width is not None and int(width) >= TILE_WIDTH:
        raise Malformed("a full tile has no width in its path")
    return int(digits.replace("x", "").replace("/", "")), int(width or TILE_WIDTH)


# Bundles and tiles


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """1 to 256 entries, each after its length as a big-endian uint16."""
    listed = list(entries)
    if not 0 < len(listed) <= TILE_WIDTH or any(len(entry) > _ENTRY_BYTES for entry in listed):
        raise Malformed(f"a bundle has 1 to {TILE_WIDTH} entries of at most {_ENTRY_BYTES} bytes")
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in listed)


def decode_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle, 1 to 256 of them."""
    entries, at = [], 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        entries.append(data[start:at])
    if at != len(data):
        raise Malformed("a bundle ends within an entry")
    if not 0 < len(entries) <= TILE_WIDTH:
        raise Malformed(f"a bundle of {len(entries)} entries")
    return entries


def hashes_of(tile: bytes) -> list[bytes]:
    """The hashes of a tile, 1 to 256 of them."""
    width, rest = divmod(len(tile), HASH_BYTES)
    if rest or not 0 < width <= TILE_WIDTH:
        raise Malformed(f"a tile of {len(tile)} bytes")
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def tile_root(tile: bytes) -> bytes:
    """The root of a full tile: one hash of the level above."""
    if len(tile) != TILE_WIDTH * HASH_BYTES:
        raise Malformed("only a full tile has a hash above it")
    return node_from_leaves(hashes_of(tile))(TILE_HEIGHT, 0)


# Trees


def width_of(level: int, index: int, *, size: int) -> int:
    """How many hashes this tile has in a tree of `size` leaves: 256 when full, 0 when not begun."""
    hashes = size >> TILE_HEIGHT * level
    return min(max(hashes - index * TILE_WIDTH, 0), TILE_WIDTH)


def full_tiles_between(old_size: int, new_size: int) -> list[tuple[int, int]]:
    """(level, index) of the tiles that become full as the tree grows; a tile comes after those under it."""
    full, span, level = [], TILE_WIDTH, 0
    while span <= new_size:
        full += [(level, index) for index in range(old_size // span, new_size // span)]
        span, level = span * TILE_WIDTH, level + 1
    return full


def partial_tiles(size: int) -> list[tuple[int, int]]:
    """(level, index) of the tiles that are begun and not full in a tree of `size` leaves: at most one a level."""
    begun, level, hashes = [], 0, size
    while hashes:
        if hashes % TILE_WIDTH:
            begun.append((level, hashes // TILE_WIDTH))
        level, hashes = level + 1, hashes // TILE_WIDTH
    return begun


class TiledHashes:
    """The nodes (`merkle.Hashes`) of a tree of `size` leaves, out of tiles; each tile is read once.

    A longer tile than the size calls for will do, since the shorter is its prefix.
    """

    def __init__(self, read: Read, *, size: int) -> None:
        self._read = read
        self._size = size
        self._tiles: dict[tuple[int, int], Hashes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The root of the complete subtree of 2**level leaves at this index."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile_index, within = divmod(index, TILE_WIDTH >> height)
        return self._tile(tile_level, tile_index)(height, within)

    def _tile(self, level: int, index: int) -> Hashes:
        if (level, index) not in self._tiles:
            width = width_of(level, index, size=self._size)
            hashes = hashes_of(self._read(level, index))
            if not 0 < width <= len(hashes):
                raise Malformed(f"tile {level}/{index} has {len(hashes)} hashes where {width} belong")
            self._tiles[level, index] = node_from_leaves(hashes[:width])
        return self._tiles[level, index]
