"""The frame of a JPEG file (ITU-T T.81 annex B): markers, sides, the end of the first picture.

libjpeg fills what is missing with grey and says nothing to its caller, and a half grey picture would have another
fingerprint. So here it is found where the picture ends, and `lengthened` shows whether all of it is there. What lies
behind the end is not read: cameras and phones put previews, films and notes there, some without an end marker before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from consentkit.containers import mpf
from consentkit.containers.structure import File, Structure
from consentkit.formats import Slug

# Between segments and inside a scan, stuffed zeros and fill bytes are no markers.
_MARKER: Final = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_RESTARTS: Final = frozenset(range(0xD0, 0xD8))
_ALONE: Final = frozenset([0x01, 0xD8, *_RESTARTS])  # TEM, SOI, RST0 to RST7: no length follows
_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE: Final = frozenset([0xC2, 0xC6, 0xCA, 0xCE])
_BETWEEN_SCANS: Final = frozenset([0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE])
_SCAN: Final = 0xDA
_END: Final = 0xD9
_METADATA: Final = frozenset([0xE1, 0xE2])  # APP1, APP2
_END_MARKER: Final = b"\xff\xd9"
_COEFFICIENTS: Final = 64
_UNSEEN: Final = 255


@dataclass
class _Frame:
    """What SOF announces, and how exactly each coefficient of each component was given by the scans so far."""

    size: tuple[int, int] | None
    progressive: bool
    components: bytes
    missing: dict[int, bytearray] = field(default_factory=dict)
    scans: int = 0
    alone: bool = False  # one scan gave all: decoders look at no further one

    def add(self, header: bytes) -> None:
        """A scan's header, from its number of components on. A broken one gives nothing."""
        count = header[0] if header else 0
        named, last = header[1 : 1 + 2 * count : 2], header[1 + 2 * count : 4 + 2 * count]
        if len(last) < 3:
            return
        first, final, low = (last[0], last[1], last[2] & 15) if self.progressive else (0, _COEFFICIENTS - 1, 0)
        for component in named:
            for at in range(first, min(final + 1, _COEFFICIENTS)):
                self.missing.setdefault(component, bytearray([_UNSEEN] * _COEFFICIENTS))[at] = low
        self.scans += 1
        self.alone = self.scans == 1 and not self.progressive and self.complete

    @property
    def complete(self) -> bool:
        """All coefficients were given to their last bit."""
        return bool(self.components) and all(not any(self.missing.get(each, b"\1")) for each in self.components)


@dataclass
class _Walk:
    """What was met on the way through the file."""

    frame: _Frame | None = None
    doubled: bool = False
    whole_at: int | None = None  # the first marker behind the scan that completed the picture
    list_at: tuple[int, int] | None = None  # of further pictures: start and length
    names_gain_map: bool = False

    def enter(self, file: File, code: int, body: int, length: int) -> None:
        """One segment."""
        if code in _FRAME:
            self.doubled = self.doubled or self.frame is not None or length < 8
            content = file[body : body + length - 2]
            self.frame = self.frame or _Frame(_sides(content[1:5]), code in _PROGRESSIVE, content[6::3])
        elif code == _SCAN and self.frame:
            self.frame.add(file[body : body + length - 2])
        elif code in _METADATA and (self.frame is None or not self.frame.scans):
            content = file[body : body + length - 2]
            self.names_gain_map = self.names_gain_map or mpf.names_gain_map(content)
            if content.startswith(mpf.SIGNATURE) and self.list_at is None:
                self.list_at = (body, length - 2)


def read(file: File) -> Structure:
    """The first picture. Bytes behind it are allowed: nothing of them is ever kept or shown."""
    walk = _Walk()
    position, ended = 2, False
    while found := _MARKER.search(file, position):
        code, position = found[0][1], found.end()
        frame = walk.frame
        if code in _RESTARTS:
            continue
        if frame and frame.complete and walk.whole_at is None:
            walk.whole_at = found.start()
        ended = code == _END
        if ended or (frame and (frame.alone or (frame.scans and code not in _BETWEEN_SCANS))):
            break
        if code in _ALONE:
            continue
        length = int.from_bytes(file[position : position + 2])
        walk.enter(file, code, position + 2, length)
        if walk.doubled:  # a second frame would be decoded with the sides of the first
            return Structure(walk.frame.size if walk.frame else None, damage="image-corrupt")
        position += length
    return _structure(file, walk, found.start() if found and ended else None)


def _structure(file: File, walk: _Walk, end_marker: int | None) -> Structure:
    """`end_marker`: where the end marker stands, None where there is none in its place."""
    frame = walk.frame
    size = frame.size if frame else None
    moving = walk.list_at is not None and mpf.several(file, *walk.list_at, names_gain_map=walk.names_gain_map)
    if end_marker is not None:
        damage: Slug | None = None if size and frame and frame.scans else "image-corrupt"
        return Structure(size, moving, damage, end=end_marker + len(_END_MARKER))
    if frame and frame.complete:
        return Structure(size, moving, end=len(file) if walk.whole_at is None else walk.whole_at, ended=False)
    return Structure(size, moving, damage="image-truncated")


def header(file: File) -> Iterator[tuple[int, bytes]]:
    """Code and content of each segment before the first picture's coded bytes."""
    position = 2
    while found := _MARKER.search(file, position):
        code, position = found[0][1], found.end()
        if code in (_SCAN, _END):
            return
        if code not in _ALONE:
            length = int.from_bytes(file[position : position + 2])
            yield code, file[position + 2 : position + length]
            position += length


def _sides(field: bytes) -> tuple[int, int] | None:
    return (int.from_bytes(field[2:]), int.from_bytes(field[:2])) if len(field) == 4 else None


def first_picture(file: bytes, structure: Structure) -> bytes:
    """The first picture alone, with an end marker.

    Where that was missing, zeros at the end are taken off: a download that broke off leaves them, and they would be
    decoded as if they were the rest of the picture.
    """
    picture = file[: structure.end]
    if structure.ended:
        return picture
    coded = picture.rstrip(b"\0")
    stuffed = b"\0" if coded.endswith(b"\xff") else b""
    return coded + stuffed + _END_MARKER


def lengthened(picture: bytes) -> bytes:
    """The picture with more coded bytes at the end of each scan.

    One that is all there decodes to the same pixels; one that ran out of bytes does not.
    """
    pieces = []
    position, kept = 2, 0
    in_scan = False
    while found := _MARKER.search(picture, position):
        code, position = found[0][1], found.end()
        if code in _ALONE:
            continue
        if in_scan:
            pieces += [picture[kept : found.start()], b"\x5a\xc3\x96\x69" * 256]
            kept = found.start()
        if code == _END:
            break
        in_scan = code == _SCAN
        position += int.from_bytes(picture[position : position + 2])
    return b"".join([*pieces, picture[kept:]])
