"""Pictures as the bytes that are kept or sent of them: small ones, protected views, asking views."""

from collections.abc import Sequence

import numpy as np

from consent.errors import FingerprintMalformed
from consentkit.fingerprints import Incomparable
from consentkit.fingerprints.asking import unpacked
from consentkit.fingerprints.preparation import Pixels
from consentkit.fingerprints.views import SIDE, WORDS, Views, protected


def pixels(small: bytes) -> Pixels:
    """(128, 128) luma. Raises ValueError where it is not 16,384 bytes."""
    return np.frombuffer(small, np.uint8).reshape(SIDE, SIDE)


def protected_views(small: bytes) -> bytes:
    """All views that protect a picture, about 650 of 40 bytes; none of a flat one. Takes 40 ms."""
    return protected(pixels(small)).astype("<u8").tobytes()


def views_of(kept: bytes) -> Views:
    """(n, 5), as `protected_views` wrote them."""
    return np.frombuffer(kept, "<u8").astype(np.uint64).reshape(-1, WORDS)


def asking_views(pictures: Sequence[bytes]) -> list[Views]:
    """Of each picture that a pipeline sent. Raises FingerprintMalformed at the first that is none."""
    return [_asked(position, sent) for position, sent in enumerate(pictures)]


def _asked(position: int, sent: bytes) -> Views:
    try:
        return unpacked(sent)
    except Incomparable as error:  # not views, or cut
        raise FingerprintMalformed(f"Picture {position}: {error}.", position=position) from None
