"""Tiles and bundles as c2sp.org/tlog-tiles has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit import merkle, tiles
from consentkit.errors import Malformed

indexes = st.integers(0, 10**18 - 1)
widths = st.integers(1, tiles.TILE_WIDTH)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, 1234067), "tile/0/x001/x234/067"),
        ((0, 1234), "tile/0/x001/234"),
        ((0, 0), "tile/0/000"),
        ((1, 999), "tile/1/999"),
        ((1, 1000), "tile/1/x001/000"),
        ((63, 5, 1), "tile/63/005.p/1"),
        ((0, 273, 112), "tile/0/273.p/112"),
        ((0, 1234067, 255), "tile/0/x001/x234/067.p/255"),
    ],
)
def test_known_paths(arguments: tuple[int, ...], expected: str) -> None:
    assert tiles.path(*arguments) == expected


def test_known_paths_of_bundles() -> None:
    assert tiles.entries_path(1234067) == "tile/entries/x001/x234/067"
    assert tiles.entries_path(2, 7) == "tile/entries/002.p/7"


@given(st.integers(0, 63), indexes, widths)
def test_paths_round_trip(level: int, index: int, width: int) -> None:
    assert tiles.parse_path(tiles.path(level, index, width).removeprefix("tile/")) == (level, index, width)
    entries = tiles.entries_path(index, width).removeprefix("tile/entries/")
    assert tiles.parse_entries_path(entries) == (index, width)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0/",
        "0/0",
        "0/00",
        "0/0000",
        "00/000",
        "-1/000",
        "64/000",
        "100/000",
        "0/x000/000",
        "0/001/000",
        "0/x001",
        "0/x001/x000",
        "0/x001//000",
        "0/X001/000",
        "0/000.p/0",
        "0/000.p/01",
        "0/000.p/256",
        "0/000.p/1000",
        "0/000.p/",
        "0/000.p",
        "0/000/",
        "0/000\n",
        "0/٠٠٠",
        "/0/000",
        "0/../000",
        "0/" + "x001/" * 6 + "000",
        "entries/000",
    ],
)
def test_any_other_path_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        tiles.parse_path(text)
    with pytest.raises(Malformed):
        tiles.parse_entries_path(text.removeprefix("0/") if text != "0/000" else "")


@given(st.text(alphabet="0123456789x/.p", max_size=14))
def test_no_two_texts_are_one_path(text: str) -> None:
    try:
        tile = tiles.parse_path(text)
    except Malformed:
        return
    assert tiles.path(*tile) == f"tile/{text}"


@pytest.mark.parametrize("arguments", [(-1, 0), (64, 0), (0, -1), (0, 10**18), (0, 0, 0), (0, 0, 257)])
def test_no_path_for_a_tile_that_cannot_be(arguments: tuple[int, ...]) -> None:
    with pytest.raises(Malformed):
        tiles.path(*arguments)


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=tiles.TILE_WIDTH))
def test_bundles_round_trip(entries: list[bytes]) -> None:
    assert tiles.decode_bundle(tiles.encode_bundle(entries)) == entries


def test_a_bundle_has_big_endian_lengths() -> None:
    assert tiles.encode_bundle([b"a", b"", b"b" * 258]) == b"\x00\x01a\x00\x00\x01\x02" + b"b" * 258


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x01", b"\x00\x02a", b"\x00\x00\x00", b"\x00\x00" * 257])
def test_a_broken_bundle_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        tiles.decode_bundle(data)


@pytest.mark.parametrize("entries", [[], [b""] * 257, [bytes(2**16)]])
def test_no_bundle_of_what_does_not_fit(entries: list[bytes]) -> None:
    with pytest.raises(Malformed):
        tiles.encode_bundle(entries)


@given(st.binary(max_size=40))
def test_junk_is_a_bundle_or_malformed(data: bytes) -> None:
    try:
        entries = tiles.decode_bundle(data)
    except Malformed:
        return
    assert tiles.encode_bundle(entries) == data


@pytest.mark.parametrize("size", [0, 1, 31, 33, 257 * 32])
def test_a_tile_is_one_to_256_hashes(size: int) -> None:
    with pytest.raises(Malformed):
        tiles.hashes_of(bytes(size))


def test_widths_of_the_tree_in_the_specification() -> None:
    """A tree of size 70,000, as tlog-tiles counts it."""
    assert [tiles.width_of(0, index, size=70_000) for index in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [tiles.width_of(1, index, size=70_000) for index in (0, 1, 2)] == [256, 17, 0]
    assert [tiles.width_of(2, index, size=70_000) for index in (0, 1)] == [1, 0]
    assert tiles.width_of(3, 0, size=70_000) == 0
    assert [tiles.width_of(level, 0, size=256) for level in (0, 1)] == [256, 1]


def test_full_tiles_as_a_tree_grows() -> None:
    assert tiles.full_tiles_between(0, 255) == []
    assert tiles.full_tiles_between(255, 256) == [(0, 0)]
    assert tiles.full_tiles_between(256, 256) == []
    assert tiles.full_tiles_between(65_279, 65_536) == [(0, 254), (0, 255), (1, 0)]
    assert len(tiles.full_tiles_between(0, 70_000)) == 273 + 1


@given(st.integers(0, 200_000), st.integers(0, 70_000))
def test_full_tiles_are_those_whose_width_becomes_256(old: int, more: int) -> None:
    new = old + more
    expected = [
        (level, index)
        for level in range(3)
        for index in range((new >> 8 * (level + 1)) + 1)
        if tiles.width_of(level, index, size=old) < 256 == tiles.width_of(level, index, size=new)
    ]
    assert tiles.full_tiles_between(old, new) == expected


class Shelf:
    """The tiles of one tree; counts what is read."""

    def __init__(self, size: int) -> None:
        self.leaves = [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(size)]
        self.node = merkle.node_from_leaves(self.leaves)
        self.read_tiles: list[tuple[int, int]] = []

    def read(self, level: int, index: int) -> bytes:
        self.read_tiles.append((level, index))
        width = tiles.width_of(level, index, size=len(self.leaves))
        return b"".join(self.node(8 * level, 256 * index + at) for at in range(width))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 70_000])
def test_a_tree_out_of_tiles_is_the_tree(size: int) -> None:
    shelf = Shelf(size)
    tiled = tiles.TiledHashes(shelf.read, size=size)
    assert merkle.root(size, tiled) == merkle.root(size, shelf.node)
    for index in {0, size // 3, size // 2, size - 1}:
        assert merkle.inclusion_path(index, size, tiled) == merkle.inclusion_path(index, size, shelf.node)
        assert merkle.consistency_path(index, size, tiled) == merkle.consistency_path(index, size, shelf.node)
    assert len(shelf.read_tiles) == len(set(shelf.read_tiles))


def test_a_longer_tile_will_do_and_a_shorter_will_not() -> None:
    shelf = Shelf(300)
    assert merkle.root(258, tiles.TiledHashes(shelf.read, size=258)) == merkle.root(258, shelf.node)
    with pytest.raises(Malformed, match="where 45 belong"):
        merkle.root(301, tiles.TiledHashes(shelf.read, size=301))


def test_a_full_tile_has_a_hash_above_it() -> None:
    shelf = Shelf(300)
    assert tiles.tile_root(shelf.read(0, 0)) == shelf.node(8, 0)
    with pytest.raises(Malformed):
        tiles.tile_root(shelf.read(0, 1))
