"""What a file shows by its first bytes, whatever its name says. Wider than `formats.sniff`: also what no registry takes
is a picture, and must not pass for something else.
"""

import struct
import zlib
from typing import Final

from consentkit.formats import FILE_BYTES, HEAD_BYTES

PICTURES: Final = frozenset({"jpg", "jpeg", "png", "webp"})
"""Endings by which a member of a sample, or a file of a folder, is a picture even if its bytes are damaged."""

_MAGIC: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"8BPS", "PSD"),
    (b"\x8aMNG\r\n\x1a\n", "MNG"),
    (b"qoif", "QOI"),
)
_BRANDS: Final = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"),
}
_BMP_HEADERS: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_ENDINGS: Final = PICTURES | {
    *("jpe", "jfif", "gif", "tif", "tiff", "bmp", "avif", "heic", "heif", "jp2", "jxl", "psd")
}
_GZIP: Final = b"\x1f\x8b"
_APPLE: Final = (b"\x00\x05\x16\x07", b"\x00\x00\x00\x01Bud1")  # AppleDouble, .DS_Store


def picture_format(head: bytes) -> str | None:
    """The name of the picture format that the first `HEAD_BYTES` of a file show, or None."""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if head.startswith(b"BM") and len(head) >= 18:
        # Two letters begin many a text: BMP says besides how long its header is.
        return "BMP" if struct.unpack_from("<I", head, 14)[0] in _BMP_HEADERS else None
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def is_none(head: bytes) -> bool:
    """Whether these first bytes are surely of no picture and of nothing that could hold one: text, or nothing."""
    if head.startswith(_APPLE):
        return True
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:  # a character may be cut where the head ends
        if error.start < len(head) - 3 or len(head) < HEAD_BYTES:
            return False
        text = head[: error.start].decode("utf-8")
    return "\x00" not in text


def is_named(ending: str) -> bool:
    """Whether a file with this ending says that it is a picture, of whatever format."""
    return ending.lower() in _ENDINGS


def picture(ending: str, data: bytes) -> bytes | None:
    """The picture that a member of a sample is by its ending or its content, unpacked if it was gzipped; or None."""
    shown = _unpacked(data)
    named = ending.rpartition(".")[2].lower() in PICTURES
    return shown if named or picture_format(shown[:HEAD_BYTES]) else None


def _unpacked(data: bytes) -> bytes:
    """WebDataset unpacks gzip by itself. No registry takes larger pictures than are unpacked here."""
    if not data.startswith(_GZIP):
        return data
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, FILE_BYTES + 1)
    except zlib.error:  # begins like gzip, and is none
        return data
