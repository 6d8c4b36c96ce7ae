"""The frame of a JPEG file (ITU-T T.81 annex B): markers, sides, the end of the picture.

libjpeg fills what is missing with grey and says nothing to its caller, and a half grey picture would have
another fingerprint. So the end marker is demanded here, and grey at the last pixel is looked into.
"""

import re
from typing import Final

from service.quarantine.structure import Structure

# Between segments and inside a scan, stuffed zeros and fill bytes are no markers.
_MARKER: Final = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_ALONE: Final = frozenset([0x01, *range(0xD0, 0xD9)])  # TEM, RST0 to RST7, SOI: no length follows
_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN: Final = 0xDA
_END: Final = 0xD9


def read(file: bytes) -> Structure:
    """Bytes after the end marker are allowed: nothing of them is ever kept or shown."""
    size: tuple[int, int] | None = None
    position = 2
    scans = 0
    while found := _MARKER.search(file, position):
        code, position = found[0][1], found.end()
        if code == _END:
            return Structure(size, damage=None if size and scans else "image-corrupt")
        if code in _ALONE:
            continue
        length = int.from_bytes(file[position : position + 2])
        if code in _FRAME:
            if size or length < 8:  # a second frame would be decoded with the sides of the first
                return Structure(size, damage="image-corrupt")
            size = _sides(file[position + 3 : position + 7])
        scans += code == _SCAN
        position += length
    return Structure(size, damage="image-truncated")


def _sides(field: bytes) -> tuple[int, int] | None:
    return (int.from_bytes(field[2:]), int.from_bytes(field[:2])) if len(field) == 4 else None


def lengthened(file: bytes) -> bytes:
    """The file with more coded bytes at the end of its first scan.

    A picture that is all there decodes to the same pixels; one that ran out of bytes does not.
    """
    position = 2
    in_scan = False
    while found := _MARKER.search(file, position):
        code, position = found[0][1], found.end()
        if code in _ALONE:
            continue
        if in_scan:
            return file[: found.start()] + b"\x5a\xc3\x96\x69" * 256 + file[found.start() :]
        in_scan = code == _SCAN
        position += int.from_bytes(file[position : position + 2])
    return file
