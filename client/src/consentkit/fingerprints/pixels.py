"""The last word where both pictures are held: their pixels on each other, which no forged hash makes alike.

The nearest views say which windows show the same. Those are compared by normalised correlation of what lies between
coarse shading and fine noise, over small shifts and changes of size: copies come near 1, other pictures near 0.
"""

import functools
from typing import Final

import numpy as np

from consentkit.fingerprints.landmarks import UNITS, Floats, Window
from consentkit.fingerprints.preparation import Pixels, upright
from consentkit.fingerprints.views import SIDE, Views, asked_windows, protected_windows, seen, turned

CONFIRMED: Final = 0.8  # correlation from which pictures are the same: `make bench ONLY=copies` shows both sides
_PATCH: Final = 48  # pixels of a window's side
_SHIFT: Final = 4  # of them, tried each way
_SIZES: Final = (0.95, 1.0, 1.05)
_PAIRS: Final = 4  # nearest pairs of windows that are tried
_FINE: Final = 0.8  # standard deviations of the two blurs between which the band lies
_COARSE: Final = 3.0


def likeness(asking: Pixels, held: Pixels) -> float:
    """-1 to 1, of two (128, 128) luma pictures: the best correlation of windows that look alike; 0 without any."""
    asked, queries = seen(asking, asked_windows(asking))
    known, views = seen(held, protected_windows(held))
    if not (asked and known):
        return 0.0
    found = [0.0]
    for orientation, number, at in _nearest(queries, views):
        copy = _sampled(upright(asking, orientation), _turned(asked[number], orientation), _PATCH)
        found += [_best(copy, held, _resized(known[at], size)) for size in _SIZES]
    return max(found)


def _nearest(queries: Views, views: Views) -> list[tuple[int, int, int]]:
    """EXIF orientation, asking window and held window of the few nearest pairs."""
    words = turned(queries)[:, :, None, :4] ^ views[None, None, :, :4]
    distances = np.bitwise_count(words).sum(axis=3)
    order = np.argsort(distances, axis=None, kind="stable")[:_PAIRS]
    places = np.transpose(np.unravel_index(order, distances.shape)).tolist()
    return [(orientation + 1, number, at) for orientation, number, at in places]


def _best(copy: Floats, held: Pixels, window: Window) -> float:
    """The highest correlation over the shifts."""
    room = _sampled(held, _resized(window, 1 + 2 * _SHIFT / _PATCH), _PATCH + 2 * _SHIFT)
    wanted = _normal(_band(copy))
    shifts = [(down, across) for down in range(2 * _SHIFT + 1) for across in range(2 * _SHIFT + 1)]
    patches = (room[down : down + _PATCH, across : across + _PATCH] for down, across in shifts)
    return max(float((wanted * _normal(_band(patch))).sum()) for patch in patches)


def _sampled(picture: Pixels, window: Window, side: int) -> Floats:
    """(side, side) means of a window's cells; outside the picture its edge goes on."""
    rows = _cells(window.top, window.bottom, side)
    columns = _cells(window.left, window.right, side)
    sampled: Floats = rows @ picture.astype(np.float64) @ columns.T
    return sampled


@functools.lru_cache(maxsize=256)
def _cells(low: int, high: int, side: int) -> Floats:
    """(side, 128): how much of each cell of an interval, in 1/1024 of the side, lies on each pixel."""
    unit = UNITS / SIDE
    borders = np.linspace(low / unit, high / unit, side + 1)
    starts, ends = borders[:-1, None], borders[1:, None]
    pixels = np.arange(SIDE)
    from_, to = np.where(pixels == 0, -SIDE, pixels), np.where(pixels == SIDE - 1, 2 * SIDE, pixels + 1)
    shares: Floats = np.clip(np.minimum(ends, to) - np.maximum(starts, from_), 0, None)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


def _turned(window: Window, orientation: int) -> Window:
    """Where a window is once its picture is turned as EXIF orientation says."""
    top, bottom, left, right = window
    if orientation in (5, 6, 7, 8):
        top, bottom, left, right = left, right, top, bottom
    if orientation in (2, 3, 6, 7):
        left, right = UNITS - right, UNITS - left
    if orientation in (3, 4, 7, 8):
        top, bottom = UNITS - bottom, UNITS - top
    return Window(top, bottom, left, right)


def _resized(window: Window, factor: float) -> Window:
    down, across = window.top + window.bottom, window.left + window.right
    high, wide = (window.bottom - window.top) * factor, (window.right - window.left) * factor
    return Window(
        round((down - high) / 2), round((down + high) / 2), round((across - wide) / 2), round((across + wide) / 2)
    )


def _band(patch: Floats) -> Floats:
    fine, coarse = _blur(_FINE), _blur(_COARSE)
    band: Floats = fine @ patch @ fine.T - coarse @ patch @ coarse.T
    return band


@functools.cache
def _blur(deviation: float) -> Floats:
    apart = np.arange(_PATCH)[:, None] - np.arange(_PATCH)
    weights: Floats = np.exp(-(apart**2) / (2 * deviation**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


def _normal(band: Floats) -> Floats:
    """Mean 0 and length 1; a flat one stays 0."""
    centred = band - band.mean()
    length = float(np.sqrt((centred**2).sum()))
    normal: Floats = centred / length if length > 1e-9 else centred
    return normal
