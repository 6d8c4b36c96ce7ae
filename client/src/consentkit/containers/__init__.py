"""The files that pictures come in: JPEG, PNG, WebP. One rule of what is a second picture, for every reader.

A second picture is a frame of an animation, or one that a JPEG's list of pictures names as a picture of its own. None
are: a smaller preview of the same picture, a gain map, and whatever lies behind the end of the picture.
"""

from collections.abc import Callable, Mapping
from typing import Final

from consentkit.containers import jpeg, png, webp
from consentkit.containers.structure import File, Structure
from consentkit.formats import ASPECT, LONGEST_SIDE, PIXELS, SHORTEST_SIDE, MediaType, Slug

__all__ = ["File", "Structure", "read", "refusal"]

_READERS: Final[Mapping[MediaType, Callable[[File], Structure]]] = {
    "image/jpeg": jpeg.read,
    "image/png": png.read,
    "image/webp": webp.read,
}


def read(file: File, media_type: MediaType) -> Structure:
    """What the file says of itself. Costs little beside decoding, and raises nothing, whatever the bytes."""
    return _READERS[media_type](file)


def refusal(structure: Structure, media_type: MediaType) -> Slug | None:
    """Why such a file is not accepted, as far as is known without decoding; None for nothing.

    In the contract's order: pixels, aspect, sides, pictures, damage.
    """
    if structure.size is None:
        return structure.damage or "image-corrupt"
    short, long = sorted(structure.size)
    if short == 0:
        return "image-unrecognised"
    if short * long > PIXELS[media_type]:
        return "image-too-large"
    if long > ASPECT * short:
        return "image-aspect"
    if short < SHORTEST_SIDE:
        return "image-too-small"
    if long > LONGEST_SIDE:
        return "image-too-large"
    return "image-animated" if structure.moving else structure.damage
