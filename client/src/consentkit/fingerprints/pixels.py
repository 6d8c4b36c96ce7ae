"""The last word where both pictures are held: their pixels on each other, which no forged hash makes alike.

The nearest views say which windows show the same, and so where one picture lies on the other. What they share is cut
into nine overlapping blocks, each compared over small shifts by normalised correlation of what lies between coarse
shading and fine noise. The middle of the nine counts: one collar on another gives one good block, a copy gives all.
"""

import functools
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from consentkit.fingerprints import margins
from consentkit.fingerprints.landmarks import UNITS, Floats, Window
from consentkit.fingerprints.preparation import Pixels, upright
from consentkit.fingerprints.views import SIDE, Views, asked_windows, protected_windows, seen, turned

CONFIRMED: Final = 0.8  # from which pictures are the same: `make bench ONLY=copies` shows both sides
_PATCH: Final = 32  # pixels of a window's or block's side
_SHIFT: Final = 5  # of them, tried each way
_SIZES: Final = (0.95, 1.0, 1.05)
_PAIRS: Final = 4  # nearest pairs of windows that are tried
_LAID: Final = 2  # of them, the best, by which one picture is laid on the other
_LEAST: Final = 3 / 16  # of either picture's side, that both must show
_FINE: Final = 0.8  # standard deviations of the two blurs between which the band lies
_COARSE: Final = 3.0


class _Pair(NamedTuple):
    """A window of the asking picture, turned, and where it lies in the held one."""

    alike: float
    orientation: int
    asked: Window
    held: Window


def likeness(asking: Pixels, held: Pixels) -> float:
    """0 to 1, of two (128, 128) luma pictures: how alike the middle one of the blocks is that both show; 0 without any.

    Takes about 30 ms.
    """
    asked, queries = seen(asking, asked_windows(asking))
    known, views = seen(held, protected_windows(held))
    if not (asked and known):
        return 0.0
    pairs = []
    for orientation, number, at in _nearest(queries, views):
        window = _turned(asked[number], orientation)
        copy = _sampled(upright(asking, orientation), window)
        tried = [_found(copy, held, _resized(known[at], size)) for size in _SIZES]
        pairs.append(_Pair(max(tried)[0], orientation, window, max(tried)[1]))
    return max([0.0, *(_laid(pair, upright(asking, pair.orientation), held) for pair in sorted(pairs)[-_LAID:])])


def _nearest(queries: Views, views: Views) -> list[tuple[int, int, int]]:
    """EXIF orientation, asking window and held window of the few nearest pairs."""
    words = turned(queries)[:, :, None, :4] ^ views[None, None, :, :4]
    distances = np.bitwise_count(words).sum(axis=3)
    order = np.argsort(distances, axis=None, kind="stable")[:_PAIRS]
    places = np.transpose(np.unravel_index(order, distances.shape)).tolist()
    return [(orientation + 1, number, at) for orientation, number, at in places]


def _laid(pair: _Pair, copy: Pixels, held: Pixels) -> float:
    """The middle of the blocks' correlations; 0 where too little is shared."""
    unit = UNITS // SIDE
    box = margins.content(copy)
    whole = _carried(Window(0, UNITS, 0, UNITS), pair.held, pair.asked)  # the held picture, in the copy's places
    shared = Window(
        max(box.top * unit, whole.top),
        min(box.bottom * unit, whole.bottom),
        max(box.left * unit, whole.left),
        min(box.right * unit, whole.right),
    )
    if _narrow(shared) or _narrow(_carried(shared, pair.asked, pair.held)):
        return 0.0
    blocks = [(block, _carried(block, pair.asked, pair.held)) for block in _blocks(shared)]
    return float(np.median([_found(_sampled(copy, block), held, there)[0] for block, there in blocks]))


def _blocks(shared: Window) -> list[Window]:
    """Nine, each of half the height and width."""
    high, wide = (shared.bottom - shared.top) // 4, (shared.right - shared.left) // 4
    corners = [(shared.top + down * high, shared.left + across * wide) for down in range(3) for across in range(3)]
    return [Window(top, top + 2 * high, left, left + 2 * wide) for top, left in corners]


def _narrow(window: Window) -> bool:
    return min(window.bottom - window.top, window.right - window.left) < _LEAST * UNITS


def _carried(window: Window, source: Window, target: Window) -> Window:
    """Where a window goes when `source` is laid on `target`."""
    high = (target.bottom - target.top) / (source.bottom - source.top)
    wide = (target.right - target.left) / (source.right - source.left)
    return Window(
        round(target.top + (window.top - source.top) * high),
        round(target.top + (window.bottom - source.top) * high),
        round(target.left + (window.left - source.left) * wide),
        round(target.left + (window.right - source.left) * wide),
    )


def _found(copy: Floats, held: Pixels, window: Window) -> tuple[float, Window]:
    """The highest correlation over the shifts, and the window there."""
    room = _band(_sampled(held, _resized(window, 1 + 2 * _SHIFT / _PATCH), _PATCH + 2 * _SHIFT))
    wanted = _band(copy).ravel()
    patches = sliding_window_view(room, (_PATCH, _PATCH)).reshape(-1, _PATCH**2)
    sums = patches.sum(axis=1)
    lengths = np.sqrt(np.clip((patches**2).sum(axis=1) - sums**2 / _PATCH**2, 0, None))
    wanted = wanted - wanted.mean()
    alike = patches @ wanted / np.maximum(lengths * np.sqrt((wanted**2).sum()), 1e-9)
    best = int(alike.argmax())
    down, across = (place - _SHIFT for place in divmod(best, 2 * _SHIFT + 1))
    high, wide = (window.bottom - window.top) / _PATCH, (window.right - window.left) / _PATCH
    moved = Window(
        round(window.top + down * high),
        round(window.bottom + down * high),
        round(window.left + across * wide),
        round(window.right + across * wide),
    )
    return float(alike[best]), moved


def _sampled(picture: Pixels, window: Window, side: int = _PATCH) -> Floats:
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
    fine, coarse = _blur(_FINE, len(patch)), _blur(_COARSE, len(patch))
    band: Floats = fine @ patch @ fine.T - coarse @ patch @ coarse.T
    return band


@functools.cache
def _blur(deviation: float, side: int) -> Floats:
    apart = np.arange(side)[:, None] - np.arange(side)
    weights: Floats = np.exp(-(apart**2) / (2 * deviation**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)
