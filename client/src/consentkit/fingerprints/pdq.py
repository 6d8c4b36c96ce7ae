"""PDQ's transform over our own reduction: 16 x 16 frequencies of the small picture, each above the median or not.

The published PDQ reduces a picture by a filter of its own at full size, which costs ten times what decoding costs. Here
the frozen preparation reduces it, on both sides alike; so `pdq256r` (r: reduced) has PDQ's bits, their order and its
quality, and distances mean the same, but a bit near the median may differ from a hash that other PDQ software made.

Over one small picture it shares 225 of its 256 frequencies with pHash-256: those two are not independent of each other.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentkit.fingerprints import Fingerprint
from consentkit.fingerprints.preparation import SIDE, Pixels

ALGORITHM: Final = "pdq256r"
VERSION: Final = 1
LEAST_QUALITY: Final = 50  # of 100, below which the field does not match
_ORDERS: Final = 16
_ONE: Final = 2**14

# Integers in float64: sums stay below 2**53, so every machine gets the same bits.
_WAVES: Final = np.rint(
    _ONE * np.cos(np.pi / (2 * SIDE) * np.outer(np.arange(1, _ORDERS + 1), 2 * np.arange(SIDE) + 1))
)


def fingerprint(small: Pixels) -> Fingerprint:
    """`small`: (64, 64) luma. Bytes in PDQ's order: the highest frequencies first, as its hex is written."""
    coefficients = (_WAVES @ small.astype(np.float64) @ _WAVES.T).ravel()
    median = np.partition(coefficients, 127)[127]  # PDQ's median is the lower of the two
    return Fingerprint(ALGORITHM, VERSION, np.packbits((coefficients > median)[::-1]).tobytes())


def quality(small: Pixels) -> int:
    """0 to 100: how much the picture changes from pixel to pixel, as PDQ counts it."""
    grey: NDArray[np.int64] = small.astype(np.int64)
    steps = sum(int((np.abs(np.diff(grey, axis=axis)) * 100 // 255).sum()) for axis in (0, 1))
    return min(steps // 90, 100)
