"""Views: fingerprints of a picture and of its parts, by which altered copies are found.

Each view is two hashes of one window, and the window's place. `light`: the signs of the 124 lowest frequencies of its
luma. `edges`: the same of its gradients' size, |across| + |down|, which no linear filter gives back. So a picture that
is made to collide in one does not collide in the other; a second DCT hash of the same luma (pHash, PDQ) would follow.

The asking side has at most 6 views, the protected side every landmark's. Mirrored and turned copies cost nothing:
turning a picture swaps and negates frequencies, so the views of all 8 orientations follow from one (`turned`).

Invariants
  * Integers in float64, no sum above 2**53: the same 128 x 128 pixels give the same bits on every machine.
  * `views(upright(p, o))` equals `turned(views(p))[o - 1]` for the whole picture, up to coefficients that are zero.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentkit.fingerprints import margins, tilts
from consentkit.fingerprints.landmarks import UNITS, Floats, Landmark, Window, landmarks
from consentkit.fingerprints.preparation import Pixels, area_reduced

ALGORITHM: Final = "views256"
VERSION: Final = 1
SIDE: Final = 128
WORDS: Final = 5  # of 64 bits: light's lowest frequencies, light's 60 others, the same of edges, and the place
SIZES: Final = 16  # sizes to an octave: 0 for the whole side, 16 for half of it
PLACES: Final = 32  # places of a window's middle to a side
ASKED: Final = 6
PROTECTED: Final = 120  # landmarks at most; portraits have about 50, each in thirteen variations
_COARSE: Final = 64  # the side at which windows from 3/8 of the side are found
_LARGE: Final = {"first": 1, "last": 10}  # `SCALES` there
_FILLING: Final = {"first": 0, "last": 4}  # a little smaller: only where an asking picture has too few
_FINE: Final = {"first": 1, "last": 7}  # and at 128 those from 3/16, only on the protected side
_SIZED: Final = ((1.0, 1.0), (1.045, 1.045), (0.957, 0.957))  # heights and widths
_VARIED: Final = (*_SIZED, (1.05, 0.95), (0.95, 1.05), (1.1, 1.1), (0.91, 0.91))
_FLAT: Final = 2.0  # grey levels (root mean square), below which a window says nothing
_SAME: Final = 0.15  # of half a window: nearer in place and size are one landmark
_FILLER: Final = 0.1  # of their weight count small landmarks,
_OUTSIDE: Final = 0.001  # and those that reach out of the content
_RIM: Final = 0.04  # of the side: landmarks that come nearer to the edge
_ON_RIM: Final = 0.5  # weigh this much: frames, bars and crops leave their marks there
_SHARED: Final = 0.7  # lost by a landmark that lies within one chosen before it
_EDGE: Final = 20  # 1/1024 of the side that a window may reach beyond the content
_ONE: Final = 2**14
_WHOLE: Final = Window(0, UNITS, 0, UNITS)

Views = NDArray[np.uint64]


def _lowest(count: int) -> list[tuple[int, int]]:
    """(down, across) frequencies by their square; with each its transpose."""
    around = [(i, j) for i in range(16) for j in range(16) if i or j]
    return sorted(around, key=lambda f: (f[0] ** 2 + f[1] ** 2, abs(f[0] - f[1]), f))[:count]


_FREQUENCIES: Final = _lowest(124)
_DOWN: Final = np.array([i for i, _ in _FREQUENCIES])
_ACROSS: Final = np.array([j for _, j in _FREQUENCIES])
_ORDERS: Final = np.arange(max(map(max, _FREQUENCIES)) + 1)


def asked(small: Pixels) -> Views:
    """(n ≤ 6, 5) views of an asking picture. `small`: (128, 128) luma. None if it is flat."""
    return views(small, asked_windows(small))


def protected(small: Pixels) -> Views:
    """(n, 5) views of a protected picture, the whole first. `small`: (128, 128) luma. None if it is flat.

    Each landmark's window is taken in seven variations, and in three more with the picture tilted each way.
    """
    wholes, found = _wholes(margins.content(small)), _landmarks_of(small)
    straight = views(small, [*wholes, *(varied for window in found for varied in _varied(window, _VARIED))])
    tilted = [
        views(
            tilts.tilted(small, degrees), [_WHOLE, *(varied for window in found for varied in _tilted(window, degrees))]
        )
        for degrees in (-tilts.DEGREES, tilts.DEGREES)
    ]
    return np.concatenate([straight, *tilted])


def asked_windows(small: Pixels) -> list[Window]:
    """The most striking landmarks that lie apart; where there are few, the content without margins and the whole."""
    box = margins.content(small)
    found = _striking(box, _landmarks_in(small, margins.square(box, SIDE)))
    return [*(each.window for each in found), *reversed(_wholes(box))][:ASKED]


def protected_windows(small: Pixels) -> list[Window]:
    """The whole, the content without margins, and every landmark, without their variations."""
    return [*_wholes(margins.content(small)), *_landmarks_of(small)]


def views(small: Pixels, windows: Sequence[Window]) -> Views:
    """(n, 5) words, a row for each window that is not flat."""
    return seen(small, windows)[1]


def seen(small: Pixels, windows: Sequence[Window]) -> tuple[list[Window], Views]:
    """The windows that are not flat, and their (n, 5) words."""
    bounds = np.array(windows, dtype=np.float64).reshape(-1, 4)
    down, across = _cosines(bounds[:, :2]), _cosines(bounds[:, 2:])
    light = _coefficients(small.astype(np.float64), down, across)
    edges = _coefficients(_steps(small), down, across)
    clear = np.sqrt((light**2).sum(axis=1)) * 2 >= _FLAT * _ONE**2
    words = np.concatenate([_words(light[clear] > 0), _words(edges[clear] > 0), _places(bounds[clear])], axis=1)
    return [windows[number] for number in np.flatnonzero(clear).tolist()], words


def turned(found: Views) -> Views:
    """(8, n, 5): the same views of the picture as EXIF orientation 1 to 8 would turn it."""
    light, edges, places = _bits(found[:, :2]), _bits(found[:, 2:4]), found[:, 4:]
    return np.stack(
        [np.concatenate([_words(_as(light, o)), _words(_as(edges, o)), _moved(places, o)], axis=1) for o in range(1, 9)]
    )


def _landmarks_of(small: Pixels) -> list[Window]:
    found = landmarks(small, **_FINE) + landmarks(area_reduced(small, side=_COARSE), **_LARGE)
    return [each.window for each in _different(sorted(found, reverse=True))][:PROTECTED]


def _wholes(box: margins.Box) -> list[Window]:
    """The whole picture, and without its margins where it has any."""
    unit = UNITS // SIDE
    inner = Window(box.top * unit, box.bottom * unit, box.left * unit, box.right * unit)
    return [_WHOLE] if inner == _WHOLE else [_WHOLE, inner]


def _landmarks_in(small: Pixels, box: margins.Box) -> list[Landmark]:
    """Landmarks of a square part, at the coarse side; places in the whole picture."""
    base = area_reduced(small[box.top : box.bottom, box.left : box.right], side=_COARSE)
    scale, top, left = (box.bottom - box.top) / SIDE, box.top / SIDE, box.left / SIDE
    filling = [each._replace(weight=each.weight * _FILLER) for each in landmarks(base, **_FILLING)]
    return _different(
        [
            Landmark(each.weight, each.half * scale, top + each.down * scale, left + each.across * scale)
            for each in sorted(landmarks(base, **_LARGE), reverse=True) + sorted(filling, reverse=True)
        ]
    )


def _different(found: list[Landmark]) -> list[Landmark]:
    """In the same order; of nearly the same two, the first: they would not witness independently."""
    kept: list[Landmark] = []
    for each in found:
        if not any(_same(each, other) for other in kept):
            kept.append(each)
    return kept


def _striking(box: margins.Box, found: list[Landmark]) -> list[Landmark]:
    """At most 6, the heaviest first; each weighs less by what it shares with those before."""
    rest = [each._replace(weight=each.weight * _trust(box, each)) for each in found]
    chosen: list[Landmark] = []
    while rest and len(chosen) < ASKED:
        chosen.append(max(rest, key=lambda each: each.weight))
        rest.remove(chosen[-1])
        rest = [each._replace(weight=each.weight * (1 - _SHARED * _shared(each, chosen[-1]))) for each in rest]
    return chosen


def _trust(box: margins.Box, each: Landmark) -> float:
    """What hangs on a frame is in no other picture."""
    rim = min(each.down, each.across, 1 - each.down, 1 - each.across) - each.half
    return (_OUTSIDE if _outside(box, each.window) else 1) * (_ON_RIM if rim < _RIM else 1)


def _shared(a: Landmark, b: Landmark) -> float:
    """Of the smaller window, the part that lies in the other."""
    sides = (
        min(one + a.half, other + b.half) - max(one - a.half, other - b.half)
        for one, other in ((a.down, b.down), (a.across, b.across))
    )
    down, across = (max(side, 0.0) for side in sides)
    return down * across / (2 * min(a.half, b.half)) ** 2


def _tilted(window: Window, degrees: float) -> list[Window]:
    return _varied(tilts.moved(window, degrees), _SIZED)


def _varied(window: Window, sides: Sequence[tuple[float, float]]) -> list[Window]:
    """A landmark's window as measured, a little larger and smaller, wider and taller: sizes are read less sharply
    than places, and a frame around a copy changes its proportions. It may pass the edge by as little."""
    down, across = window.top + window.bottom, window.left + window.right
    high, wide = window.bottom - window.top, window.right - window.left
    return [
        Window(
            round((down - high * tall) / 2),
            round((down + high * tall) / 2),
            round((across - wide * broad) / 2),
            round((across + wide * broad) / 2),
        )
        for tall, broad in sides
    ]


def _same(a: Landmark, b: Landmark) -> bool:
    apart = max(abs(a.half - b.half), abs(a.down - b.down), abs(a.across - b.across))
    return apart < _SAME * min(a.half, b.half)


def _outside(box: margins.Box, window: Window) -> bool:
    unit = UNITS // SIDE
    low = min(window.top - box.top * unit, window.left - box.left * unit)
    high = max(window.bottom - box.bottom * unit, window.right - box.right * unit)
    return low < -_EDGE or high > _EDGE


def _moved(places: Views, orientation: int) -> Views:
    """Where the windows are once the picture is turned."""
    size, down, across = places >> 16, places >> 8 & 0xFF, places & 0xFF
    if orientation in (5, 6, 7, 8):
        down, across = across, down
    if orientation in (2, 3, 6, 7):
        across = PLACES - 1 - across
    if orientation in (3, 4, 7, 8):
        down = PLACES - 1 - down
    return np.asarray(size << 16 | down << 8 | across, np.uint64)


def _cosines(intervals: Floats) -> Floats:
    """(n, 13, 128): each cosine wave's integral over each pixel, for n intervals in 1/1024 of the side.

    The picture is taken as it is drawn, constant over each pixel, so no window is resampled.
    """
    edges = np.arange(SIDE + 1) * (UNITS / SIDE)
    low, high = intervals[:, :1], intervals[:, 1:]
    place = np.clip((edges - low) / (high - low), 0, 1)[:, None, :]
    order = _ORDERS[1:, None]
    waves = np.sin(np.pi * order * place) / (np.pi * order)
    integrals = np.concatenate([place, waves], axis=1)
    return np.asarray(np.rint(np.diff(integrals, axis=2) * _ONE), np.float64)


def _coefficients(picture: Floats, down: Floats, across: Floats) -> Floats:
    """(n, 124): the lowest frequencies of each window, times 2**28."""
    count, orders, _ = down.shape
    rows = (down.reshape(count * orders, SIDE) @ picture).reshape(count, orders, SIDE)
    return np.asarray((rows @ across.transpose(0, 2, 1))[:, _DOWN, _ACROSS])


def _steps(small: Pixels) -> Floats:
    """|across| + |down|: central differences, the edge repeated outside."""
    wide = np.pad(small, 1, mode="edge").astype(np.float64)
    return np.asarray(np.abs(wide[1:-1, 2:] - wide[1:-1, :-2]) + np.abs(wide[2:, 1:-1] - wide[:-2, 1:-1]), np.float64)


def _words(bits: NDArray[np.bool_]) -> Views:
    """(n, 124) bits as (n, 2) words, the lowest frequency in the highest bit; the last four bits are 0."""
    packed = np.ascontiguousarray(np.packbits(bits, axis=1))
    return np.asarray(packed.view(">u8"), np.uint64)


def _places(bounds: Floats) -> Views:
    """(n, 1): the size in sixteenths of an octave, and the middle down and across, eight bits each."""
    lengths = np.sqrt((bounds[:, 1] - bounds[:, 0]) * (bounds[:, 3] - bounds[:, 2]))
    size = np.minimum(np.rint(SIZES * np.log2(UNITS / lengths)), 63)
    down, across = ((bounds[:, [0, 2]] + bounds[:, [1, 3]]) * PLACES // (2 * UNITS)).T
    places: Views = (size * 2**16 + down * 2**8 + across).astype(np.uint64)
    return places.reshape(-1, 1)


def _bits(words: Views) -> NDArray[np.bool_]:
    packed = np.ascontiguousarray(words.astype(">u8")).view(np.uint8)
    return np.unpackbits(packed, axis=1, count=len(_FREQUENCIES)).astype(bool)


_TRANSPOSED: Final = np.array([_FREQUENCIES.index((j, i)) for i, j in _FREQUENCIES])


def _as(bits: NDArray[np.bool_], orientation: int) -> NDArray[np.bool_]:
    """The bits that the picture has once turned: transposed first, then mirrored (odd waves change sign)."""
    if orientation in (5, 6, 7, 8):
        bits = bits[:, _TRANSPOSED]
    if orientation in (2, 3, 6, 7):
        bits = bits ^ (_ACROSS % 2 == 1)
    if orientation in (3, 4, 7, 8):
        bits = bits ^ (_DOWN % 2 == 1)
    return bits
