"""An asking picture's views as bytes: what a pipeline sends and leaves, at most 198 bytes a picture."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentkit.fingerprints import Incomparable
from consentkit.fingerprints.views import ASKED, Views

VIEW_BYTES: Final = 33
_SPARE: Final = np.uint64(15)  # the low bits of the words of 60: they carry the middle's low four bits


def packed(found: Views) -> bytes:
    """Each view's 33 bytes, in order: 248 bits of hashes, 10 of the window's middle, 6 of its size."""
    words, place = found[:, :4].copy(), found[:, 4]
    down, across = place >> 8 & 0xFF, place & 0xFF
    words[:, 1] |= down & _SPARE
    words[:, 3] |= across & _SPARE
    last = (down >> 4) << 7 | (across >> 4) << 6 | place >> 16
    spread = np.ascontiguousarray(words.astype(">u8")).view(np.uint8)
    return np.concatenate([spread, last[:, None].astype(np.uint8)], axis=1).tobytes()


def unpacked(sent: bytes) -> Views:
    """(n ≤ 6, 5) views. Raises `Incomparable`: these bytes are no views."""
    if len(sent) % VIEW_BYTES or len(sent) > ASKED * VIEW_BYTES:
        raise Incomparable(f"{len(sent)} bytes are not up to {ASKED} views of {VIEW_BYTES} bytes each")
    return _views(sent)


def unpacked_many(kept: Sequence[bytes]) -> tuple[Views, NDArray[np.int64]]:
    """(n, 5) views of all these pictures, in order, and of each view the number of its picture.

    Only for bytes that `packed` wrote: none is refused.
    """
    counts = [len(each) // VIEW_BYTES for each in kept]
    return _views(b"".join(kept)), np.repeat(np.arange(len(kept)), counts)


def _views(sent: bytes) -> Views:
    rows = np.frombuffer(sent, np.uint8).reshape(-1, VIEW_BYTES)
    words = np.ascontiguousarray(rows[:, :32]).view(">u8").astype(np.uint64)
    last = rows[:, 32].astype(np.uint64)
    down = (last >> 7) << 4 | words[:, 1] & _SPARE
    across = (last >> 6 & 1) << 4 | words[:, 3] & _SPARE
    words[:, [1, 3]] &= ~_SPARE
    return np.concatenate([words, ((last & 63) << 16 | down << 8 | across)[:, None]], axis=1)
