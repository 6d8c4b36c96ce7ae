"""Every check that a picture must pass, in the contract's order. Runs in the child only.

Order: empty, first bytes, pixels, aspect, sides, frames, decoding, content. Nothing is decoded before its
cost is known.
"""

import warnings
from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image, PngImagePlugin

from consentkit import containers
from consentkit.containers import Structure, png
from consentkit.fingerprints import preparation
from consentkit.fingerprints.decoding import Undecodable, decoded
from consentkit.fingerprints.perception import Perceived, perceived
from consentkit.formats import FILE_BYTES, HEAD_BYTES, PIXELS, MediaType, Rejection, Slug, sniff
from service.quarantine.findings import Examined
from service.quarantine.preview import preview
from service.quarantine.rights import rights

FLAT: Final = 4  # standard deviation of the small picture's luma, below which pictures look alike


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
    structure = containers.read(file, media_type)
    if slug := containers.refusal(structure, media_type):
        raise Rejected(slug)
    if media_type == "image/png" and not png.fills(file):
        raise Rejected("image-corrupt")
    try:
        image = decoded(file, structure, media_type)
    except Undecodable as error:  # the decoder gave up, or something is missing
        raise Rejected(error.slug) from None
    return replace(_accepted(image, structure, media_type), stated=rights(file, image, media_type))


def _media_type(file: bytes) -> MediaType:
    if len(file) > FILE_BYTES:
        raise Rejected("upload-too-large")
    sniffed = sniff(file[:HEAD_BYTES], len(file))
    if isinstance(sniffed, Rejection):
        raise Rejected(sniffed.slug)
    return sniffed


def _accepted(image: Image.Image, structure: Structure, media_type: MediaType) -> Examined:
    orientation = preparation.orientation(image)
    flat = preparation.flatten(image)
    if not flat.visible:
        raise Rejected("image-no-content")
    seen = perceived(flat.picture, orientation)
    if _says_nothing(seen):
        raise Rejected("image-low-information")
    width, height = structure.size or image.size
    if orientation >= 5:
        width, height = height, width
    shown = preview(flat.picture, orientation=orientation)
    return Examined(width, height, media_type, seen.fingerprints, shown, seen.small.tobytes())


def _says_nothing(seen: Perceived) -> bool:
    """Flat, or nothing but fine grain: without a view no copy of it could ever be found."""
    flat = float(np.std(preparation.area_reduced(seen.small))) < FLAT
    return flat or not all(each.bits for each in seen.fingerprints)
