"""What a picture looks like, in 256 bits that survive copying.

Nothing heavy is imported before a fingerprint is made: the extra `images` (Pillow, NumPy, ImageHash) is
needed only then. A stored fingerprint keeps its algorithm and version; a change that moves one bit of one
golden vector is a new version.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL import Image

ALGORITHM: Final = "phash256"
VERSION: Final = 1
BITS: Final = 256


class Incomparable(ValueError):
    """Two fingerprints of different algorithms or versions: their distance means nothing."""


@dataclass(frozen=True)
class Fingerprint:
    """`bits`: 32 bytes of `phash256`, the bit of the lowest frequency first."""

    algorithm: str
    version: int
    bits: bytes


def fingerprint(image: Image.Image) -> Fingerprint:
    """The perceptual fingerprint of one still picture, upright as its EXIF orientation says.

    A JPEG that is opened but not yet loaded is decoded at reduced scale, which changes the image object.
    """
    from consentkit.fingerprints import phash, preparation

    preparation.shrink(image)
    return phash.fingerprint(preparation.small(image))


def distance(a: Fingerprint, b: Fingerprint) -> int:
    """How many bits differ. Raises `Incomparable`."""
    if (a.algorithm, a.version, len(a.bits)) != (b.algorithm, b.version, len(b.bits)):
        raise Incomparable(f"{a.algorithm} version {a.version} against {b.algorithm} version {b.version}")
    return (int.from_bytes(a.bits) ^ int.from_bytes(b.bits)).bit_count()


def library_versions() -> dict[str, str]:
    """The libraries that a fingerprint depends on, for the record kept beside it."""
    from PIL import features

    packages = {name: version(name) for name in ("pillow", "numpy", "scipy", "imagehash")}
    decoders = {name: features.version(name) or "none" for name in ("libjpeg_turbo", "zlib_ng", "webp")}
    return packages | decoders
