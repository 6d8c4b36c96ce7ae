"""A picture turned by a few degrees, as a scan or a careless crop turns it."""

import functools
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentkit.fingerprints.landmarks import UNITS, Window
from consentkit.fingerprints.preparation import Pixels

DEGREES: Final = 3
_ONE: Final = 256  # parts of a pixel


def tilted(small: Pixels, degrees: float) -> Pixels:
    """The square picture turned clockwise around its middle; its own edge pixels fill the corners. Integers only."""
    row, down, column, across = _sources(len(small), degrees)
    wide = small.astype(np.int64)
    above = wide[row, column] * (_ONE - across) + wide[row, column + 1] * across
    below = wide[row + 1, column] * (_ONE - across) + wide[row + 1, column + 1] * across
    return ((above * (_ONE - down) + below * down + _ONE**2 // 2) // _ONE**2).astype(np.uint8)


def moved(window: Window, degrees: float) -> Window:
    """The window of the same size around where its middle goes."""
    down, across = window.top + window.bottom - UNITS, window.left + window.right - UNITS
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    to_down, to_across = cosine * down + sine * across, cosine * across - sine * down
    shift_down, shift_across = round((to_down - down) / 2), round((to_across - across) / 2)
    return Window(
        window.top + shift_down, window.bottom + shift_down, window.left + shift_across, window.right + shift_across
    )


@functools.lru_cache(maxsize=4)
def _sources(side: int, degrees: float) -> tuple[NDArray[np.int64], ...]:
    """For each pixel, the row and column it comes from, each with the parts of 256 towards the next."""
    middle = (side - 1) / 2
    down, across = np.mgrid[:side, :side] - middle
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    places = [cosine * down - sine * across + middle, sine * down + cosine * across + middle]
    parts = [np.clip(np.rint(place * _ONE).astype(np.int64), 0, (side - 1) * _ONE - 1) for place in places]
    (row, row_part), (column, column_part) = (np.divmod(part, _ONE) for part in parts)
    return row, row_part, column, column_part
