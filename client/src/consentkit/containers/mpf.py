"""The list of further pictures in a JPEG file (CIPA DC-007, Multi-Picture Format), and which of them are pictures.

Cameras list smaller previews of the same picture, phones list gain maps (ISO 21496-1, and what Apple and Adobe had
before it): a map of brightness that viewers lay over the first picture. A list often outlives its pictures, where a
program copied the first one only.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from consentkit.containers.structure import File

SIGNATURE: Final = b"MPF\0"

_ENTRIES: Final = 0xB002
_ENTRY: Final = 16  # bytes
_MOST: Final = 256  # entries looked at; a list has two to ten
_TYPE: Final = 0xFFFFFF
_UNDEFINED: Final = 0x000000
_PREVIEWS: Final = 0x01  # class: large thumbnails of every size
_GAIN_MAPS: Final = 0x05  # class, since DC-007 of 2021
_START: Final = b"\xff\xd8\xff"
_HEADER_BYTES: Final = 2**18  # of a further picture, in which its metadata are looked for
_GAIN_MAP_NAMES: Final = (
    b"urn:iso:std:iso:ts:21496:-1",
    b"http://ns.adobe.com/hdr-gain-map/1.0/",
    b"http://ns.apple.com/HDRGainMap/1.0/",
    b"urn:com:apple:photo:2020:aux:hdrgainmap",
)


@dataclass(frozen=True)
class Entry:
    """One picture of a list: its type code and where it lies in the file."""

    kind: int
    start: int
    length: int


def several(file: File, body: int, length: int, *, names_gain_map: bool) -> bool:
    """Whether the list in an APP2 segment names a second picture that is there and is one of its own.

    `body`, `length`: where the segment's content lies, its signature included. `names_gain_map`: the first picture's
    metadata speak of a gain map; then one further picture without a type is it.
    """
    there = [each for each in _entries(file, body, length)[1:] if _is_there(file, each)]
    strange = [each for each in there if each.kind >> 16 not in (_PREVIEWS, _GAIN_MAPS)]
    maps = [each for each in strange if each.kind == _UNDEFINED and _is_gain_map(file, each)]
    unknown = [each for each in strange if each not in maps]
    if names_gain_map and not maps and [each.kind for each in unknown] == [_UNDEFINED]:
        return False
    return bool(unknown)


def names_gain_map(segment: bytes) -> bool:
    return any(name in segment for name in _GAIN_MAP_NAMES)


def _entries(file: File, body: int, length: int) -> list[Entry]:
    """In the list's order; none where it cannot be read: then no viewer shows more than the first picture either."""
    base = body + len(SIGNATURE)
    tiff = file[base : body + length]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return []
    try:
        return list(_listed(tiff, order, base))
    except struct.error:  # it points outside its segment
        return []


def _listed(tiff: bytes, order: str, base: int) -> Iterator[Entry]:
    """Offsets are from the list's own first byte; the first picture's is 0 and means the file's."""
    (directory,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, directory)
    for field in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, _, size, at = struct.unpack_from(order + "HHII", tiff, field)
        if tag == _ENTRIES:
            for entry in range(at, at + min(size, _MOST * _ENTRY), _ENTRY):
                attribute, length, offset = struct.unpack_from(order + "III", tiff, entry)
                yield Entry(attribute & _TYPE, base + offset if offset else 0, length)


def _is_there(file: File, entry: Entry) -> bool:
    return entry.start > 0 and file[entry.start : entry.start + len(_START)] == _START


def _is_gain_map(file: File, entry: Entry) -> bool:
    return names_gain_map(file[entry.start : entry.start + min(entry.length, _HEADER_BYTES)])
