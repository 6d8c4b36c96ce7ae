"""The frame of a WebP file (RFC 9649): RIFF length and the canvas."""

from consentkit.formats import Slug
from service.quarantine.structure import Structure


def read(file: bytes) -> Structure:
    """Sides from the first chunk, whichever of the three kinds it is."""
    announced = 8 + int.from_bytes(file[4:8], "little")
    damage: Slug | None = "image-truncated" if announced > len(file) else None
    kind, body = file[12:16], file[20:50]
    if len(body) < 10:
        return Structure(None, damage=damage or "image-corrupt")
    if kind == b"VP8X":
        size = (1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
        return Structure(size, moving=bool(body[0] & 0x02), damage=damage)
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return Structure((1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)), damage=damage)
    if kind == b"VP8 ":
        return Structure((_fourteen_bits(body[6:8]), _fourteen_bits(body[8:10])), damage=damage)
    return Structure(None, damage="image-corrupt")


def _fourteen_bits(field: bytes) -> int:
    return int.from_bytes(field, "little") & 0x3FFF
