"""The DCT fingerprints of imagehash: the 8 x 8 or 16 x 16 lowest frequencies, each above the median or not."""

from typing import Final

import imagehash
import numpy as np
from PIL import Image

from consentkit.fingerprints import ALGORITHM, VERSION, Fingerprint
from consentkit.fingerprints.preparation import Pixels

SHORT: Final = "phash64"
_FACTOR: Final = 4  # imagehash takes sides of this many times the hash's: pictures of just that side are not resampled


def fingerprint(small: Pixels) -> Fingerprint:
    """`small`: 64 x 64 luma, from `preparation.small`. 256 bits."""
    return Fingerprint(ALGORITHM, VERSION, _bits(small))


def short(smaller: Pixels) -> Fingerprint:
    """`smaller`: 32 x 32 luma. 64 bits, too few to tell portraits apart: kept for what others compute, not matched."""
    return Fingerprint(SHORT, VERSION, _bits(smaller))


def _bits(luma: Pixels) -> bytes:
    return np.packbits(imagehash.phash(Image.fromarray(luma), hash_size=len(luma) // _FACTOR).hash).tobytes()
