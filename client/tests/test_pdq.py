"""PDQ's transform over the frozen preparation."""

import numpy as np
import pytest
from scipy import fftpack

from consentkit.fingerprints import distance, golden, pdq, phash, preparation

VECTORS = {
    "square": ("", 0),
}


def small(seed: int) -> preparation.Pixels:
    return preparation.area_reduced(golden.drawn(seed, 256, 256)[:, :, 0])


@pytest.mark.parametrize("seed", range(1, 6))
def test_it_is_the_sixteen_frequencies_above_the_constant_one(seed: int) -> None:
    """Against SciPy's transform; a bit may differ only where a coefficient is the median's neighbour."""
    pixels = small(seed)
    whole = fftpack.dct(fftpack.dct(pixels.astype(float), axis=0), axis=1)[1:17, 1:17]
    expected = np.packbits((whole > np.median(whole)).ravel()[::-1]).tobytes()
    got = pdq.fingerprint(pixels)
    assert (int.from_bytes(got.bits) ^ int.from_bytes(expected)).bit_count() <= 2


def test_half_of_the_bits_are_set() -> None:
    assert int.from_bytes(pdq.fingerprint(small(1)).bits).bit_count() == 128


def test_the_highest_frequency_comes_first() -> None:
    """The published hex begins with the last row."""
    rows, columns = np.arange(64)[:, None], np.arange(64)[None, :]
    wave = np.cos(np.pi * (2 * rows + 1) * 16 / 128) * np.cos(np.pi * (2 * columns + 1) * 16 / 128)
    bits = pdq.fingerprint(np.rint(128 + 100 * wave).astype(np.uint8)).bits
    assert bits[0] >> 7 == 1


def test_quality_knows_a_flat_picture() -> None:
    assert pdq.quality(np.full((64, 64), 90, np.uint8)) == 0
    assert pdq.quality(small(1)) >= pdq.LEAST_QUALITY


def test_it_is_no_second_opinion_beside_phash() -> None:
    """Over one small picture both read the same frequencies: what collides in one nearly does in the other."""
    a = small(1)
    nudged = np.clip(a.astype(int) + np.random.default_rng(1).integers(-6, 7, a.shape), 0, 255).astype(np.uint8)
    light = distance(phash.fingerprint(a), phash.fingerprint(nudged))
    assert abs(distance(pdq.fingerprint(a), pdq.fingerprint(nudged)) - light) <= 12
