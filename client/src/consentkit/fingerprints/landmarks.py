"""Landmarks: the strongest light and dark spots of a picture, at every size, and a window around each.

A window that hangs on what is shown, not on where the frame is, comes back in every crop that contains it. A spot
is an extremum, in place and scale, of the Laplacian of Gaussians. Nothing here knows what a face is.

Invariants
  * Matrices hold integers in float64 and no sum passes 2**53, so every machine finds the same landmarks.
  * Turning or mirroring a picture turns or mirrors its landmarks (up to rounding).
"""

import functools
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consentkit.fingerprints.preparation import Pixels

UNITS: Final = 1024  # a window's place is in these parts of the picture's side
SCALES: Final = tuple(2 * 2 ** (step / 4) for step in range(-2, 8))  # standard deviations in pixels
REACH: Final = 6  # half a window, in standard deviations of its spot
WEAKEST: Final = 4  # grey levels of response
_SLACK: Final = 0.05  # of half a window, by which it may pass the edge before it is moved inside
_ONE: Final = 2**12  # the matrices' unit

Floats = NDArray[np.float64]


class Window(NamedTuple):
    """In 1/1024 of the picture's side."""

    top: int
    bottom: int
    left: int
    right: int


class Landmark(NamedTuple):
    """`weight`: strength times size. In parts of the picture's side."""

    weight: float
    half: float
    down: float
    across: float

    @property
    def window(self) -> Window:
        """Moved inside the picture where it passes the edge a little."""
        length = min(round(2 * self.half * UNITS), UNITS)
        top = min(max(round((self.down - self.half) * UNITS), 0), UNITS - length)
        left = min(max(round((self.across - self.half) * UNITS), 0), UNITS - length)
        return Window(top, top + length, left, left + length)


def landmarks(base: Pixels, *, first: int = 0, last: int = len(SCALES)) -> list[Landmark]:
    """Of a square picture, those around which a window fits. `SCALES[first:last]` are searched."""
    layers = _layers(base, first, last)
    found = [_refined(layers, first, *place) for place in _extrema(np.abs(layers))]
    return [each for each in found if _fits(each)]


def _layers(base: Pixels, first: int, last: int) -> Floats:
    """(scales, side, side): the scale-normalised Laplacian at each scale, in grey levels."""
    smooth, curved = _matrices(len(base), first, last)
    picture = base.astype(np.float64)
    down, across = curved @ picture, smooth @ picture
    layers: Floats = (down @ smooth.transpose(0, 2, 1) + across @ curved.transpose(0, 2, 1)) / _ONE**2
    return layers


@functools.lru_cache(maxsize=4)
def _matrices(side: int, first: int, last: int) -> tuple[Floats, Floats]:
    """(scales, side, side) twice: smoothing, and its second derivative times the variance; edges reflect."""
    smooth, curved = np.zeros((2, last - first, side, side))
    rows = np.arange(side)[:, None]
    for layer, scale in enumerate(SCALES[first:last]):
        offsets = np.arange(-int(4 * scale + 1), int(4 * scale + 1) + 1)
        bell = np.exp(-(offsets**2) / (2 * scale**2))
        bell /= bell.sum()
        bend = (offsets**2 / scale**2 - 1) * bell
        bend -= bend.mean()
        columns = (rows + offsets) % (2 * side)
        columns = np.where(columns < side, columns, 2 * side - 1 - columns)
        for matrix, kernel in ((smooth, bell), (curved, bend)):
            np.add.at(matrix[layer], (rows, columns), np.rint(kernel * _ONE))
    return smooth, curved


def _extrema(strength: Floats) -> list[tuple[int, int, int]]:
    """Layer, row and column of every value that none exceeds within two pixels and one scale."""
    greatest = np.maximum(np.maximum(strength[:-2], strength[1:-1]), strength[2:])
    greatest = np.maximum.reduce([greatest[:, first : first - 4 or None] for first in range(5)])
    greatest = np.maximum.reduce([greatest[:, :, first : first - 4 or None] for first in range(5)])
    middle = strength[1:-1, 2:-2, 2:-2]
    places = np.argwhere((middle == greatest) & (middle > WEAKEST)) + np.array([1, 2, 2])
    return [(layer, row, column) for layer, row, column in places.tolist()]


def _refined(layers: Floats, first: int, layer: int, row: int, column: int) -> Landmark:
    """Between pixels and between scales, by a parabola through the neighbours."""
    side, here = layers.shape[1], layers[layer, row, column]
    scale = _summit(layers[layer - 1, row, column], here, layers[layer + 1, row, column])
    down = _summit(layers[layer, row - 1, column], here, layers[layer, row + 1, column])
    across = _summit(layers[layer, row, column - 1], here, layers[layer, row, column + 1])
    half = REACH * SCALES[first + layer] * 2 ** (scale / 4) / side
    return Landmark(abs(float(here)) * half, half, (row + 0.5 + down) / side, (column + 0.5 + across) / side)


def _summit(before: float, here: float, after: float) -> float:
    """Where a parabola through three equidistant values has its summit, between -0.5 and 0.5."""
    bend = before - 2 * here + after
    return min(max(0.5 * float(before - after) / float(bend), -0.5), 0.5) if bend else 0.0


def _fits(landmark: Landmark) -> bool:
    nearest = min(landmark.down, landmark.across, 1 - landmark.down, 1 - landmark.across)
    return landmark.half <= 1 / 2 and nearest >= landmark.half * (1 - _SLACK)
