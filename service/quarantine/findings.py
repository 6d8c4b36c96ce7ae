"""What an examination finds, and the one line of JSON in which a child says it.

The child may have been taken over by the file it read, so the caller believes nothing about the line's shape.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Final, cast

from consentkit.fingerprints import ALGORITHM, Fingerprint, pdq, phash, views
from consentkit.fingerprints.asking import VIEW_BYTES
from consentkit.fingerprints.perception import CURRENT
from consentkit.formats import PIXELS, REJECTIONS, MediaType, Rejection, Slug
from registry.rules.signals import Stated

LINE_BYTES: Final = 2**21
MOST: Final = 32  # statements of one file
NAME: Final = re.compile(r"[A-Za-z0-9]{3,12}([:.][A-Za-z_]{3,32})?")
VALUE: Final = re.compile(r"[A-Za-z0-9_.-]{1,48}")
SMALL_BYTES: Final = views.SIDE**2
_BYTES: Final = {  # that a fingerprint may have, by algorithm
    phash.SHORT: range(8, 9),
    ALGORITHM: range(32, 33),
    pdq.ALGORITHM: range(32, 33),
    views.ALGORITHM: range(VIEW_BYTES, views.ASKED * VIEW_BYTES + 1, VIEW_BYTES),
}


@dataclass(frozen=True)
class Examined:
    """A picture that is accepted.

    `width`, `height`: pixels, upright. `fingerprints`: one of each algorithm of `perception.CURRENT`, in its
    order, with at least one view. `preview`: a JPEG of our own making, at most 640 pixels on the long side,
    upright, without metadata: what pages show, since an upload is never served as it came. `small`: 128 x 128
    luma, upright, row by row, from which views of every kind can be made again without the file. `stated`: what the
    file itself says of its use.
    """

    width: int
    height: int
    media_type: MediaType
    fingerprints: tuple[Fingerprint, ...]
    preview: bytes
    small: bytes
    stated: tuple[Stated, ...] = ()


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
            "small": base64.b64encode(finding.small).decode(),
            "stated": [[each.name, each.value] for each in finding.stated],
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
    width, height = said["width"], said["height"]
    if type(width) is not int or type(height) is not int:
        raise Malformed("sides")
    return Examined(
        width,
        height,
        _media_type(said["media_type"]),
        _fingerprints(said["fingerprints"]),
        _jpeg(said["preview"]),
        _small(said["small"]),
        _stated(said["stated"]),
    )


def _media_type(said: object) -> MediaType:
    if said not in PIXELS:
        raise Malformed("media type")
    return cast("MediaType", said)


def _fingerprints(said: object) -> tuple[Fingerprint, ...]:
    rows = cast("list[tuple[object, object, str]]", said)
    if [(algorithm, version) for algorithm, version, _ in rows] != list(CURRENT.items()):
        raise Malformed("fingerprints")
    found = tuple(
        Fingerprint(algorithm, version, bytes.fromhex(row[2]))
        for (algorithm, version), row in zip(CURRENT.items(), rows, strict=True)
    )
    if any(len(each.bits) not in _BYTES[each.algorithm] for each in found):
        raise Malformed("fingerprints")
    return found


def _jpeg(said: object) -> bytes:
    jpeg = _decoded(said)
    if not (jpeg.startswith(b"\xff\xd8\xff") and jpeg.endswith(b"\xff\xd9")):
        raise Malformed("preview")
    return jpeg


def _small(said: object) -> bytes:
    small = _decoded(said)
    if len(small) != SMALL_BYTES:
        raise Malformed("small picture")
    return small


def _stated(said: object) -> tuple[Stated, ...]:
    pairs = cast("list[tuple[str, str]]", said)
    if len(pairs) > MOST or not all(NAME.fullmatch(name) and VALUE.fullmatch(value) for name, value in pairs):
        raise Malformed("statements")
    return tuple(Stated(name, value) for name, value in pairs)


def _decoded(said: object) -> bytes:
    if not isinstance(said, str):
        raise Malformed("bytes")
    return base64.b64decode(said, validate=True)
