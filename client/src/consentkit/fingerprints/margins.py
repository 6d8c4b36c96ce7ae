"""Where a picture lies within its uniform margins: borders, frames of screenshots, banners, empty walls."""

from typing import Final, NamedTuple

import numpy as np

from consentkit.fingerprints.preparation import Pixels

TOLERANCE: Final = 10  # grey levels around a line's median that still count as the same colour
SHARE: Final = 0.8  # of a line's pixels: a caption or three buttons on a bar do not make it a picture
LEAST: Final = 48  # pixels of each side that are kept


class Box(NamedTuple):
    """Whole pixels, the ends excluded."""

    top: int
    bottom: int
    left: int
    right: int


def content(small: Pixels) -> Box:
    """What is left when uniform outer lines are taken off, side by side, until no side has one."""
    top, left = 0, 0
    bottom, right = small.shape
    while bottom - top > LEAST and right - left > LEAST:
        before = (top, bottom, left, right)
        top += _uniform(small[top, left:right])
        bottom -= _uniform(small[bottom - 1, left:right])
        left += _uniform(small[top:bottom, left])
        right -= _uniform(small[top:bottom, right - 1])
        if (top, bottom, left, right) == before:
            break
    return Box(top, bottom, left, right)


def square(box: Box, side: int) -> Box:
    """The smallest square around the box, moved inside a picture of that side: it keeps proportions."""
    length = max(box.bottom - box.top, box.right - box.left)
    top = min(max((box.top + box.bottom - length) // 2, 0), side - length)
    left = min(max((box.left + box.right - length) // 2, 0), side - length)
    return Box(top, top + length, left, left + length)


def _uniform(line: Pixels) -> bool:
    ordered = np.sort(line)
    middle = int(ordered[len(line) // 2])
    low, high = np.searchsorted(ordered, (middle - TOLERANCE, middle + TOLERANCE + 1))
    return bool(high - low >= SHARE * len(line))
