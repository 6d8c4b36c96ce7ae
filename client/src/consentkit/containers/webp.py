"""The frame of a WebP file (RFC 9649): RIFF length and the canvas."""

from collections.abc import Iterator

from consentkit.containers.structure import File, Structure
from consentkit.formats import Slug


def read(file: File) -> Structure:
    """Sides from the first chunk, whichever of the three kinds it is."""
    announced = 8 + int.from_bytes(file[4:8], "little")
    damage: Slug | None = "image-truncated" if announced > len(file) else None
    kind, body = file[12:16], file[20:50]
    if len(body) < 10:
        return Structure(None, damage=damage or "image-corrupt")
    if kind == b"VP8X":
        size = (1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
        moving = sum(name == b"ANMF" for name in _chunks(file, announced)) > 1
        return Structure(size, moving=moving, damage=damage)
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return Structure((1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)), damage=damage)
    if kind == b"VP8 ":
        return Structure((_fourteen_bits(body[6:8]), _fourteen_bits(body[8:10])), damage=damage)
    return Structure(None, damage="image-corrupt")


def _chunks(file: File, end: int) -> Iterator[bytes]:
    """The names of the chunks; the bytes inside a frame are none."""
    position = 12
    while position + 8 <= min(end, len(file)):
        yield file[position : position + 4]
        length = int.from_bytes(file[position + 4 : position + 8], "little")
        position += 8 + length + length % 2


def _fourteen_bits(field: bytes) -> int:
    return int.from_bytes(field, "little") & 0x3FFF
