"""The frame of a PNG file (W3C PNG, third edition): chunks, checksums, sides, the length of the rows."""

import zlib
from collections.abc import Iterator
from typing import Final

from consentkit.containers.structure import File, Structure

_SIGNATURE: Final = 8
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_DEFLATED: Final = 2**16
_INFLATED: Final = 2**20


class Cut(ValueError):
    """The file ends inside a chunk or before IEND."""


class BadSum(ValueError):
    """A chunk whose checksum is not that of its bytes."""


def read(file: File) -> Structure:
    """An animation of one frame, the picture itself, has no further picture data (fdAT)."""
    size = _sides(file)
    moving = False
    try:
        for name, _ in chunks(file):
            moving = moving or name == b"fdAT"
    except Cut:  # half a file
        return Structure(size, moving, damage="image-truncated")
    except BadSum:  # the sides were read nevertheless: too large comes before damaged
        return Structure(size, moving, damage="image-corrupt")
    return Structure(size, moving)


def chunks(file: File) -> Iterator[tuple[bytes, memoryview]]:
    """Name and body of each chunk up to IEND, sums checked. Raises `Cut`, `BadSum`."""
    view = memoryview(file)
    position = _SIGNATURE
    name = b""
    while name != b"IEND":
        body = position + 8
        end = body + int.from_bytes(view[position : position + 4])
        name = bytes(view[position + 4 : body])
        if end + 4 > len(file):
            raise Cut
        if zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4]):
            raise BadSum
        yield name, view[body:end]
        position = end + 4


def _sides(file: File) -> tuple[int, int] | None:
    if file[8:16] != b"\x00\x00\x00\x0dIHDR" or len(file) < 33:
        return None
    return int.from_bytes(file[16:20]), int.from_bytes(file[20:24])


def fills(file: bytes) -> bool:
    """Whether the picture data inflates to exactly the bytes that the header announces; costs no more."""
    expected = _announced(file[16:29])
    inflater = zlib.decompressobj()
    got = 0
    try:
        for piece in _pieces(file):
            rest = piece
            while rest and not inflater.eof and got <= expected:
                got += len(inflater.decompress(rest, _INFLATED))
                rest = inflater.unconsumed_tail
    except zlib.error:  # not a zlib stream, or one with a wrong sum
        return False
    return got == expected and inflater.eof


def _pieces(file: bytes) -> Iterator[bytes]:
    """The picture data in small pieces: what zlib leaves over is copied each time."""
    for name, body in chunks(file):
        if name == b"IDAT":
            for start in range(0, len(body), _DEFLATED):
                yield bytes(body[start : start + _DEFLATED])


def _announced(header: bytes) -> int:
    """Bytes of filtered rows, one filter byte each."""
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    depth, colour, interlaced = header[8], header[9], header[12]
    bits = depth * _CHANNELS.get(colour, 0)
    grid = _PASSES if interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in grid:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0:
            total += max(rows, 0) * (1 + (columns * bits + 7) // 8)
    return total
