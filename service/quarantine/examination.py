"""Every check that a picture must pass, in the contract's order. Runs in the child only.

Order: empty, first bytes, pixels, aspect, sides, frames, decoding, content. Nothing is decoded before its
cost is known.
"""

import io
import struct
import warnings
import zlib
from typing import Final

import numpy as np
from PIL import Image, PngImagePlugin

from consentkit.fingerprints import preparation
from consentkit.fingerprints.perception import Perceived, perceived
from consentkit.formats import (
    ASPECT,
    FILE_BYTES,
    HEAD_BYTES,
    LONGEST_SIDE,
    PIXELS,
    SHORTEST_SIDE,
    MediaType,
    Rejection,
    Slug,
    sniff,
)
from service.quarantine import jpeg, png, webp
from service.quarantine.findings import Examined
from service.quarantine.preview import preview
from service.quarantine.structure import Structure

FLAT: Final = 4  # standard deviation of the small picture's luma, below which pictures look alike
_READERS: Final = {"image/jpeg": jpeg.read, "image/png": png.read, "image/webp": webp.read}
_GREY: Final = range(127, 129)  # libjpeg's filling, in any colour space

# All that Pillow was seen to raise on damaged files.
_DAMAGED: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class Rejected(Exception):
    def __init__(self, slug: Slug) -> None:
        super().__init__(slug)
        self.slug = slug


def prepare_pillow() -> None:
    """Process-wide settings, once, before the first file."""
    Image.MAX_IMAGE_PIXELS = max(PIXELS.values())
    PngImagePlugin.MAX_TEXT_CHUNK = 2**24  # a real colour profile fits, a bomb does not
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def examine(file: bytes) -> Examined | Rejection:
    try:
        return _examine(file)
    except Rejected as rejected:
        return Rejection(rejected.slug)
    except MemoryError:  # over the limit of address space
        return Rejection("image-too-complex")


def _examine(file: bytes) -> Examined:
    media_type = _media_type(file)
    structure = _READERS[media_type](file)
    size = _acceptable_sides(structure, media_type)
    image = _opened(file, media_type, structure)
    _demand_whole(file, image, structure)
    preparation.shrink(image)
    _decode(image)
    if media_type == "image/jpeg":
        _demand_no_filling(file, image)
    return _accepted(image, size, media_type)


def _media_type(file: bytes) -> MediaType:
    if len(file) > FILE_BYTES:
        raise Rejected("upload-too-large")
    sniffed = sniff(file[:HEAD_BYTES], len(file))
    if isinstance(sniffed, Rejection):
        raise Rejected(sniffed.slug)
    return sniffed


def _acceptable_sides(structure: Structure, media_type: MediaType) -> tuple[int, int]:
    if structure.size is None:
        raise Rejected(structure.damage or "image-corrupt")
    short, long = sorted(structure.size)
    if short == 0:
        raise Rejected("image-unrecognised")
    if short * long > PIXELS[media_type]:
        raise Rejected("image-too-large")
    if long > ASPECT * short:
        raise Rejected("image-aspect")
    if short < SHORTEST_SIDE:
        raise Rejected("image-too-small")
    if long > LONGEST_SIDE:
        raise Rejected("image-too-large")
    return structure.size


def _opened(file: bytes, media_type: MediaType, structure: Structure) -> Image.Image:
    """The picture, not yet decoded, its frames counted."""
    if structure.moving:
        raise Rejected("image-animated")
    try:
        image = Image.open(io.BytesIO(file), formats=[media_type.removeprefix("image/").upper()])
        frames = getattr(image, "n_frames", 1)  # a JPEG with a list of further pictures opens as MPO
    except _DAMAGED:  # Pillow cannot make sense of the header
        raise Rejected(structure.damage or "image-corrupt") from None
    if frames != 1:
        raise Rejected("image-animated")
    return image


def _demand_whole(file: bytes, image: Image.Image, structure: Structure) -> None:
    if structure.damage:
        raise Rejected(structure.damage)
    if image.size != structure.size:  # two readings of one file
        raise Rejected("image-corrupt")
    if image.format == "PNG" and not png.fills(file):
        raise Rejected("image-corrupt")


def _decode(image: Image.Image) -> None:
    try:
        image.load()
    except _DAMAGED:  # the decoder gave up; a missing end was found earlier
        raise Rejected("image-corrupt") from None


def _demand_no_filling(file: bytes, image: Image.Image) -> None:
    """Refuse a JPEG whose coded bytes end before its picture; decodes again if the last pixel is grey."""
    last = image.getpixel((image.width - 1, image.height - 1))
    if not all(value in _GREY for value in (last if isinstance(last, tuple) else (last,))):
        return
    again = Image.open(io.BytesIO(jpeg.lengthened(file)), formats=["JPEG"])
    preparation.shrink(again)
    _decode(again)
    if again.tobytes() != image.tobytes():
        raise Rejected("image-corrupt")


def _accepted(image: Image.Image, size: tuple[int, int], media_type: MediaType) -> Examined:
    orientation = preparation.orientation(image)
    flat = preparation.flatten(image)
    if not flat.visible:
        raise Rejected("image-no-content")
    seen = perceived(flat.picture, orientation)
    if _says_nothing(seen):
        raise Rejected("image-low-information")
    width, height = size if orientation < 5 else size[::-1]
    shown = preview(flat.picture, orientation=orientation)
    return Examined(width, height, media_type, seen.fingerprints, shown, seen.small.tobytes())


def _says_nothing(seen: Perceived) -> bool:
    """Flat, or nothing but fine grain: without a view no copy of it could ever be found."""
    flat = float(np.std(preparation.area_reduced(seen.small))) < FLAT
    return flat or not all(each.bits for each in seen.fingerprints)
