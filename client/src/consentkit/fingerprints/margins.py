"""Where a picture lies within its uniform margins: borders, frames of screenshots, banners, empty walls."""

from typing import Final, NamedTuple

import numpy as np

from consentkit.fingerprints.preparation import Pixels

TOLERANCE: Final = 10  # grey levels around a line's median that still count as the same colour
SHARE: Final = 0.8  # of a line's pixels: a caption or three buttons on a bar do not make it a picture
LEAST: Final = 48  # pixels of each side that are kept
CAPTION: Final = 20  # lines at most of words within a margin
PAPER: Final = 0.2  # of the pixels of a line of words: still the margin's colour


class Box(NamedTuple):
    """Whole pixels, the ends excluded."""

    top: int
    bottom: int
    left: int
    right: int


def content(small: Pixels) -> Box:
    """What is left when uniform outer lines are taken off, side by side, until no side has one.

    Words on a banner or a title bar go with it: lines between two that are uniform and of one colour.
    """
    top, left = 0, 0
    bottom, right = small.shape
    while bottom - top > LEAST and right - left > LEAST:
        before = (top, bottom, left, right)
        top += _uniform(small[top, left:right])
        bottom -= _uniform(small[bottom - 1, left:right])
        left += _uniform(small[top:bottom, left])
        right -= _uniform(small[top:bottom, right - 1])
        if (top, bottom, left, right) != before:
            continue
        rows, columns = small[:, left:right], small[top:bottom].T
        top += _caption(rows[top:bottom], rows[:top][-1:])
        bottom -= _caption(rows[top:bottom][::-1], rows[bottom:][:1])
        left += _caption(columns[left:right], columns[:left][-1:])
        right -= _caption(columns[left:right][::-1], columns[right:][:1])
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


def _caption(lines: Pixels, last: Pixels) -> int:
    """How many lines of words follow the `last` (1, n) margin line taken off, up to its colour's next uniform line."""
    if not len(last):
        return 0
    paper = np.abs(lines[:CAPTION].astype(np.int64) - int(np.median(last))) <= TOLERANCE
    shares = paper.mean(axis=1)
    broken = np.flatnonzero(shares < PAPER)
    within = shares[: broken[0]] if len(broken) else shares
    clean = np.flatnonzero(within >= SHARE)
    return int(clean[-1]) + 1 if len(clean) else 0
