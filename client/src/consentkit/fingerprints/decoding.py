"""From a file's bytes to its first picture, decoded: one way for the registry and for whoever asks it.

A picture that is not all there is refused here: libraries show such a one with grey below, and it would get another
fingerprint.
"""

import io
import struct
import zlib
from typing import Final

from PIL import Image, TiffImagePlugin  # noqa: F401 - reads EXIF; a confined process can import nothing more later
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from consentkit.containers import Structure, jpeg
from consentkit.fingerprints import preparation
from consentkit.formats import MediaType, Slug

DAMAGED: Final = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""All that Pillow was seen to raise on damaged files."""

_GREY: Final = range(127, 129)  # libjpeg's filling, in any colour space


class Undecodable(Exception):
    """Why the picture cannot be decoded."""

    def __init__(self, slug: Slug) -> None:
        super().__init__(slug)
        self.slug = slug


def decoded(file: bytes, structure: Structure, media_type: MediaType) -> Image.Image:
    """The first picture of a file without damage; a JPEG at reduced scale. Raises Undecodable."""
    if media_type != "image/jpeg":
        return _loaded(PngImageFile if media_type == "image/png" else WebPImageFile, file, structure)
    picture = jpeg.first_picture(file, structure)
    image = _loaded(JpegImageFile, picture, structure, shrink=True)
    if not structure.ended:  # at full scale, where the last scan of a progressive picture is seen, too
        _require_all(_loaded(JpegImageFile, picture, structure), picture, structure)
    elif _may_be_filling(image):
        _require_all(image, picture, structure)
    return image


def _loaded(
    kind: type[JpegImageFile | PngImageFile | WebPImageFile], file: bytes, structure: Structure, *, shrink: bool = False
) -> Image.Image:
    """By the format's own class: Pillow's `open` makes something else of a JPEG with a list of pictures."""
    try:
        image = kind(io.BytesIO(file))
        if image.size != structure.size:  # two readings of one file
            raise Undecodable("image-corrupt")
        if shrink:
            preparation.shrink(image)
        image.load()
    except DAMAGED:
        raise Undecodable(_damage(structure)) from None
    return image


def _require_all(image: Image.Image, picture: bytes, structure: Structure) -> None:
    """Raises Undecodable for a JPEG whose coded bytes end before its picture. Decodes again, at the same scale."""
    shrink = image.size != structure.size
    again = _loaded(JpegImageFile, jpeg.lengthened(picture), structure, shrink=shrink)
    for top in range(0, image.height, preparation.BAND):
        band = (0, top, image.width, min(top + preparation.BAND, image.height))
        if image.crop(band).tobytes() != again.crop(band).tobytes():
            raise Undecodable(_damage(structure))


def _may_be_filling(image: Image.Image) -> bool:
    """Whether the last pixel is libjpeg's grey."""
    last = image.getpixel((image.width - 1, image.height - 1))
    return all(value in _GREY for value in (last if isinstance(last, tuple) else (last,)))


def _damage(structure: Structure) -> Slug:
    """Without an end marker something is missing, whatever bytes follow and are taken for it."""
    return "image-corrupt" if structure.ended else "image-truncated"
