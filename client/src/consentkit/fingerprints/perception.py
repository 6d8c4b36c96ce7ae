"""All that is kept of how a picture looks: its fingerprints, and the small picture that they were made of."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from consentkit.fingerprints import ALGORITHM, Fingerprint, asking, pdq, phash, views
from consentkit.fingerprints.preparation import Pixels, area_reduced, flatten, luma, orientation, shrink, upright

if TYPE_CHECKING:
    from PIL import Image

CURRENT: Final = {phash.SHORT: 1, ALGORITHM: 1, pdq.ALGORITHM: 1, views.ALGORITHM: 1}
"""Version by algorithm: what `perceived` makes."""

_SHORTER: Final = 32


@dataclass(frozen=True)
class Perceived:
    """`fingerprints`: one of each algorithm in `CURRENT`; those of `views256` are the asking views, at most 198 bytes.

    `small`: (128, 128) luma, upright. Views of every kind follow from it, without the file.
    """

    fingerprints: tuple[Fingerprint, ...]
    small: Pixels


def perceive(image: "Image.Image") -> Perceived:
    """Of a still picture as it was opened; a JPEG that is not loaded yet is decoded at reduced scale."""
    shrink(image)
    return perceived(flatten(image).picture, orientation(image))


def perceived(flat: "Image.Image", turn: int) -> Perceived:
    """Of a picture in mode L or RGB as it is stored, and its EXIF orientation."""
    grey = luma(flat)
    small, middle, smaller = (upright(area_reduced(grey, side=side), turn) for side in (views.SIDE, 64, _SHORTER))
    seen = Fingerprint(views.ALGORITHM, views.VERSION, asking.packed(views.asked(small)))
    return Perceived((phash.short(smaller), phash.fingerprint(middle), pdq.fingerprint(middle), seen), small)
