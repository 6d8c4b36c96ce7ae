"""The frozen way from a decoded picture to 64 x 64 luma. Every fingerprint begins here.

Invariants
  * Integers throughout: the same pixels give the same 4,096 bytes on every machine and library version.
  * No resampling of Pillow's is used: it changed between 12.3 and 13.0 (tall pictures).
  * ICC profiles are ignored, transparency lies on white, 16-bit samples lose their low byte.
  * Turning or mirroring commutes with the reduction, so the orientation is applied to the small picture.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE: Final = 64
SHORT_SIDE: Final = 512  # a JPEG is decoded to at least this on both sides
BAND: Final = 256  # rows worked on at a time, so that memory follows the picture's width only

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Flat:
    """`picture`: mode L or RGB, nothing transparent, as stored (not yet upright).

    `visible`: not all of it was transparent.
    """

    picture: Image.Image
    visible: bool


def shrink(image: Image.Image) -> None:
    """Have a JPEG that is not loaded yet decoded at 1/2, 1/4 or 1/8, both sides at least 512. Others stay."""
    image.draft(None, (SHORT_SIDE, SHORT_SIDE))


def small(image: Image.Image) -> Pixels:
    """64 x 64 luma, upright."""
    return upright(small_of_flat(flatten(image).picture), orientation(image))


def small_of_flat(picture: Image.Image) -> Pixels:
    """64 x 64 luma of a picture in mode L or RGB."""
    return area_reduced(luma(picture))


def flatten(image: Image.Image) -> Flat:
    """The picture without transparency, palette, high bit depth or CMYK."""
    if image.mode in ("L", "RGB") and not _transparent(image):
        image.load()
        return Flat(image, visible=True)
    picture = Image.new("RGB", image.size)
    visible = False
    for top, band in _bands(image):
        pixels, alpha = _samples(band)
        visible = visible or bool(alpha.any())
        picture.paste(Image.fromarray(on_white(pixels, alpha)), (0, top))
    return Flat(picture, visible)


def on_white(pixels: Pixels, alpha: Pixels) -> Pixels:
    """(h, w, 3) samples laid on white by (h, w) alpha, rounded to nearest."""
    a = alpha[:, :, None].astype(np.uint32)
    return np.asarray((pixels * a + 255 * (255 - a) + 127) // 255, np.uint8)


def luma(picture: Image.Image) -> Pixels:
    """(h, w) luma by ITU-R 601 in 16-bit fixed point: Pillow's own, in integers; the golden vectors hold it."""
    grey: Pixels = np.asarray(picture if picture.mode == "L" else picture.convert("L"), np.uint8)
    return grey


def area_reduced(pixels: Pixels, *, side: int = SIDE) -> Pixels:
    """The mean of each cell of a side x side grid over the picture; a pixel on a border counts by its share."""
    height, width = pixels.shape
    sums = _cell_sums(_cell_sums(pixels, side).T, side).T
    weight = height * width  # of one cell, as `_cell_sums` weighs rows and then columns
    means: Pixels = ((sums + weight // 2) // weight).astype(np.uint8)
    return means


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """The square turned and mirrored as EXIF orientation 1 to 8 asks."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.T
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 when there is none that makes sense. XMP is not asked."""
    exif = image.info.get("exif")
    return _orientation(exif.removeprefix(b"Exif\x00\x00")) if isinstance(exif, bytes) else 1


def _orientation(tiff: bytes) -> int:
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
            if (tag, kind) == (0x0112, 3) and 1 <= value <= 8:
                return int(value)
    except struct.error:  # the directory points outside the block: no orientation
        return 1
    return 1


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    for top in range(0, image.height, BAND):
        yield top, image.crop((0, top, image.width, min(top + BAND, image.height)))


def _transparent(image: Image.Image) -> bool:
    return image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info


def _samples(band: Image.Image) -> tuple[Pixels, Pixels]:
    """8-bit (h, w, 3) colours and (h, w) alpha of a picture in any mode that the three formats have."""
    if band.mode.startswith("I"):
        return _samples_of_16_bits(band)
    if _transparent(band):
        rgba = np.asarray(band.convert("RGBA"))
        return rgba[:, :, :3], rgba[:, :, 3]
    rgb = np.asarray(band.convert("RGB"))
    return rgb, np.full(rgb.shape[:2], 255, np.uint8)


def _samples_of_16_bits(band: Image.Image) -> tuple[Pixels, Pixels]:
    """Pillow would clip these to white instead of scaling them."""
    raw = np.asarray(band)
    grey = (raw >> 8).astype(np.uint8)
    alpha = np.where(raw == band.info.get("transparency", -1), 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2), alpha


def _cell_sums(rows: NDArray[np.integer], side: int) -> NDArray[np.int64]:
    """`side` sums of rows. Cell i covers rows [i n/side, (i+1) n/side); a whole row weighs `side`, a cut one less."""
    n = len(rows)
    sums = np.empty((side, rows.shape[1]), np.int64)
    for i in range(side):
        (first, cut_before), (last, cut_after) = divmod(i * n, side), divmod((i + 1) * n, side)
        sums[i] = side * rows[first:last].sum(axis=0, dtype=np.int64)
        if cut_before:
            sums[i] -= cut_before * rows[first].astype(np.int64)
        if cut_after:
            sums[i] += cut_after * rows[last].astype(np.int64)
    return sums
