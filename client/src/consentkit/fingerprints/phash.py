"""The DCT fingerprint: 16 x 16 lowest frequencies of the small picture, each above the median or not."""

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentkit.fingerprints import ALGORITHM, VERSION, Fingerprint

SIDE = 16  # imagehash takes SIDE * 4 = 64 pixels: the small picture's side, so it resamples nothing


def fingerprint(small: NDArray[np.uint8]) -> Fingerprint:
    """`small`: 64 x 64 luma, from `preparation.small`."""
    bits = imagehash.phash(Image.fromarray(small), hash_size=SIDE).hash
    return Fingerprint(ALGORITHM, VERSION, np.packbits(bits).tobytes())
