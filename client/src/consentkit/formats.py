"""Which files can be an image here: their first bytes, their limits, and the words for a refusal.

Content decides, never a name or a declared type. The page and the API give a refusal the same words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

MediaType = Literal["image/jpeg", "image/png", "image/webp"]

FILE_BYTES: Final = 40 * 2**20
PIXELS: Final[Mapping[MediaType, int]] = {
    "image/jpeg": 100_000_000,  # decoded at reduced scale
    "image/png": 40_000_000,
    "image/webp": 40_000_000,
}
SHORTEST_SIDE: Final = 64  # pixels
LONGEST_SIDE: Final = 16_000  # pixels
ASPECT: Final = 20  # longer side : shorter side
HEAD_BYTES: Final = 1024  # as much of a file as `sniff` looks at

Slug = Literal[
    "upload-too-large",
    "format-not-allowed",
    "image-empty",
    "image-unrecognised",
    "image-animated",
    "image-too-large",
    "image-too-small",
    "image-aspect",
    "image-truncated",
    "image-corrupt",
    "image-too-complex",
    "image-no-content",
    "image-low-information",
]

REJECTIONS: Final[Mapping[Slug, str]] = {
    "upload-too-large": "This file is larger than 40 MB. Send a smaller copy of the picture.",
    "format-not-allowed": ("We cannot take this kind of file. Save the picture as JPEG, PNG or WebP and send that."),
    "image-empty": "This file is empty. Choose the picture again and send it once more.",
    "image-unrecognised": "This file is not a picture that we can read. Send a JPEG, PNG or WebP picture.",
    "image-animated": (
        "This file moves, or holds more than one picture. Save the one you mean as a plain JPEG or PNG and send that."
    ),
    "image-too-large": (
        "This picture has too many pixels. Send a smaller copy: at most 16,000 pixels on a side, and at "
        "most 100 million in all as JPEG or 40 million as PNG or WebP."
    ),
    "image-too-small": ("This picture is too small to recognise again. Send one with at least 64 pixels on each side."),
    "image-aspect": (
        "This picture is too long and narrow. Crop it until the long side is at most 20 times the short one."
    ),
    "image-truncated": (
        "The end of this file is missing. Copy it again from where it came from, then send it once more."
    ),
    "image-corrupt": "This file is damaged. Open it in a picture viewer, save a fresh copy and send that.",
    "image-too-complex": (
        "This file takes too long to read. Open it in a picture viewer, save it as a plain JPEG and send that."
    ),
    "image-no-content": (
        "This picture is fully transparent, so there is nothing to see. Send one that shows something."
    ),
    "image-low-information": (
        "This picture is one flat colour, so it looks like many others. Send one that shows something."
    ),
}


@dataclass(frozen=True)
class Rejection:
    """Why a file is not accepted: a key of `REJECTIONS`."""

    slug: Slug


def sniff(head: bytes, length: int) -> MediaType | Rejection:
    """The media type that the first `HEAD_BYTES` of a file of `length` bytes show.

    Rejections: `image-empty`; `format-not-allowed`, a format that is known and not taken (HTTP 415);
    `image-unrecognised` (HTTP 422).
    """
    if length == 0:
        return Rejection("image-empty")
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return Rejection("format-not-allowed" if _known(head) else "image-unrecognised")


_KNOWN: Final = (
    b"GIF87a",
    b"GIF89a",
    b"BM",
    b"%PDF-",
    b"%!PS",
    b"\xc5\xd0\xd3\xc6",  # EPS with a preview
    b"II*\x00",  # TIFF, both byte orders, and BigTIFF
    b"MM\x00*",
    b"II+\x00",
    b"MM\x00+",
    b"SIMPLE  =",  # FITS
    b"XTENSION=",
    b"\x1f\x8b",  # gzip, as of FITS and SVG
    b"8BPS",  # PSD
    b"\x00\x00\x00\x0cjP  ",  # JPEG 2000: file, codestream
    b"\xff\x4f\xff\x51",
    b"\x00\x00\x00\x0cJXL ",  # JPEG XL: file, codestream
    b"\xff\x0a",
    b"\x00\x00\x01\x00",  # ICO, CUR
    b"\x00\x00\x02\x00",
    b"icns",
    b"DDS ",
    b"qoif",
    b"v/1\x01",  # OpenEXR
    b"\x8aMNG\r\n\x1a\n",
)


def _known(head: bytes) -> bool:
    return head.startswith(_KNOWN) or head[4:8] == b"ftyp" or _svg(head)  # ftyp: HEIC, AVIF and films


def _svg(head: bytes) -> bool:
    """SVG by its root element; HTML with a drawing in it is not SVG."""
    text = head[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in text)
