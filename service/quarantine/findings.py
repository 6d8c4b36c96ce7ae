"""What an examination finds, and the one line of JSON in which a child says it.

The child may have been taken over by the file it read, so the caller believes nothing about the line's shape.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Final, Literal, cast

from consentkit.fingerprints import BITS, Fingerprint
from consentkit.formats import PIXELS, REJECTIONS, MediaType, Rejection, Slug

LINE_BYTES: Final = 2**21


@dataclass(frozen=True)
class Examined:
    """A picture that is accepted.

    `width`, `height`: pixels, upright. `preview`: a JPEG of our own making, at most 640 pixels on the long
    side, upright, without metadata: what pages show, since an upload is never served as it came.
    """

    width: int
    height: int
    media_type: MediaType
    fingerprints: tuple[Fingerprint, ...]
    preview: bytes


class Malformed(ValueError):
    """A line that no examination writes."""


def format_line(finding: Examined | Rejection) -> bytes:
    if isinstance(finding, Rejection):
        return json.dumps({"rejected": finding.slug}).encode()
    prints = [[each.algorithm, each.version, each.bits.hex()] for each in finding.fingerprints]
    return json.dumps(
        {
            "width": finding.width,
            "height": finding.height,
            "media_type": finding.media_type,
            "fingerprints": prints,
            "preview": base64.b64encode(finding.preview).decode(),
        }
    ).encode()


def parse_line(line: bytes) -> Examined | Rejection:
    """Raises `Malformed`."""
    try:
        said = json.loads(line)
        return _rejection(said["rejected"]) if "rejected" in said else _examined(said)
    except (
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
        binascii.Error,
    ) as error:  # not what a sound child writes
        raise Malformed(type(error).__name__) from error


def _rejection(slug: object) -> Rejection:
    if not isinstance(slug, str) or slug not in REJECTIONS:
        raise Malformed("slug")
    return Rejection(cast("Slug", slug))


def _examined(said: dict[str, object]) -> Examined:
    width, height, preview = said["width"], said["height"], said["preview"]
    if type(width) is not int or type(height) is not int or not isinstance(preview, str):
        raise Malformed("sides or preview")
    jpeg = base64.b64decode(preview, validate=True)
    if not (jpeg.startswith(b"\xff\xd8\xff") and jpeg.endswith(b"\xff\xd9")):
        raise Malformed("preview")
    return Examined(width, height, _media_type(said["media_type"]), _fingerprints(said["fingerprints"]), jpeg)


def _media_type(said: object) -> MediaType:
    if said not in PIXELS:
        raise Malformed("media type")
    return cast("MediaType", said)


def _fingerprints(said: object) -> tuple[Fingerprint, ...]:
    rows = cast("list[tuple[Literal['phash256'], int, str]]", said)
    found = tuple(Fingerprint(str(algorithm), int(version), bytes.fromhex(bits)) for algorithm, version, bits in rows)
    if not found or any(len(each.bits) * 8 != BITS for each in found):
        raise Malformed("fingerprints")
    return found
