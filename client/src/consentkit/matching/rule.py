"""What counts as a match: two independent hashes agree, closely in one view, or less closely in several.

Several views witness for one another only if they agree on how the copy was turned and which part of the picture it
is, and hang on different places of it. Simple shapes (a collar, a lapel) come back in other people's pictures, at
another size above all: one view alone must be all but equal, and otherwise has another beside it. Two or three whose
bits together are few may lie within each other: a spot comes back elsewhere, but not with all that surrounds it.

The figures were chosen on portraits (`make bench ONLY=copies`), with room to the nearest different people. A forged
collision in one hash leaves the other one where it was, and is no match.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consentkit.fingerprints.views import PLACES, SIZES

LOWEST: Final = 20  # of the 64 bits of light's lowest frequencies; bounds what a search must look at
LIGHT: Final = 34  # of light's 124 bits
EDGES: Final = 34  # of edges' 124 bits: people who sit alike are 42 apart, whatever was done to their light
FARTHEST: Final = (14, 42, 53, 68)  # of the 248 bits, for one to four views
FARTHEST_DEEP: Final = (10, 42, 53, 68)  # the same, where the copy shows less than three quarters of the side
VERY_NEAR: Final = 24  # for one, where another stands beside it,
BESIDE: Final = 58  # so near: of strangers the least is 62
TOGETHER: Final = (44, 125)  # for the sums of two and of three: of strangers the least are 47 and 137
DEEP: Final = 6  # sixteenths of an octave
SAME_SCALE: Final = 2  # sixteenths of an octave
SAME_PLACE: Final = 3  # 1/32 of the held picture's side
APART: Final = 0.25  # of the larger window's side, between the middles of any two witnesses
APART_TWO: Final = 0.35  # the same where there are only two: one collar, seen in two windows, is one witness
NESTED: Final = 0.08  # the same where they are near together

Distances = NDArray[np.uint8]


class Near(NamedTuple):
    """Two views that are alike, and where the asking picture would lie in the held one if it were a part of it."""

    distance: int
    asked: int  # the asking view's number
    place: int  # and its fifth word, as turned
    orientation: int  # the turn, EXIF 1 to 8
    scale: int  # sixteenths of an octave from the asking window's size to the held one's
    down: float  # the asking picture's corner, in 1/32 of the held picture's side
    across: float


def near(distances: Distances) -> NDArray[np.bool_]:
    """(n, 4) distances of the words of two views: whether both hashes agree."""
    light, edges = distances[:, 0] + distances[:, 1], distances[:, 2] + distances[:, 3]
    return np.asarray((distances[:, 0] <= LOWEST) & (light <= LIGHT) & (edges <= EDGES))


def counted(distances: Distances) -> NDArray[np.int64]:
    """(n,) bits that differ; where the hashes do not both agree, more than `FARTHEST` allows: nothing."""
    return np.where(near(distances), distances.sum(axis=1, dtype=np.int64), FARTHEST[-1] + 1)


def placed(distance: int, asked: int, place: int, orientation: int, held: int) -> Near:
    """`place` and `held`: the fifth words of the two views, the asking one turned."""
    scale = (held >> 16) - (place >> 16)
    smaller = 2 ** (-scale / SIZES)
    down = (held >> 8 & 0xFF) - smaller * (place >> 8 & 0xFF)
    return Near(distance, asked, place, orientation, scale, down, (held & 0xFF) - smaller * (place & 0xFF))


def best(found: Sequence[Near]) -> Near | None:
    """The nearest view by which two pictures match, None where they do not; `found` is all that is near."""
    ordered = sorted(found)
    return next((each for number, each in enumerate(ordered) if _speaks(each, ordered[number + 1 :])), None)


def _speaks(first: Near, others: Sequence[Near]) -> bool:
    """Whether a view and those no nearer than it are enough."""
    one, two, *more = FARTHEST_DEEP if first.scale > DEEP else FARTHEST
    if first.distance <= one:
        return True
    agreeing = [other for other in others if _agree(first, other) and _apart(first, other, NESTED)]
    if _together(first, agreeing):
        return True
    beside = [other for other in agreeing if _apart(first, other, APART)]
    second = BESIDE if first.distance <= VERY_NEAR else two
    if any(other.distance <= second and _apart(first, other, APART_TWO) for other in beside):
        return True
    witnesses = [first]
    for other in beside:
        if all(_apart(each, other, APART) for each in witnesses):
            witnesses.append(other)
            if len(witnesses) > 2 and other.distance <= more[len(witnesses) - 3]:
                return True
        if len(witnesses) == len(FARTHEST):
            return False
    return False


def _together(first: Near, agreeing: Sequence[Near]) -> bool:
    """Whether it and one or two of those that agree with it, in order of distance, have few bits in all."""
    for number, second in enumerate(agreeing):
        both = first.distance + second.distance
        if both <= TOGETHER[0]:
            return True
        if both + second.distance > TOGETHER[1]:  # a third is no nearer
            return False
        for third in agreeing[number + 1 :]:
            if both + third.distance > TOGETHER[1]:
                break
            if _agree(second, third) and _apart(second, third, NESTED):
                return True
    return False


def _agree(a: Near, b: Near) -> bool:
    moved = max(abs(a.down - b.down), abs(a.across - b.across))
    return a.orientation == b.orientation and abs(a.scale - b.scale) <= SAME_SCALE and moved <= SAME_PLACE


def _apart(a: Near, b: Near, least: float) -> bool:
    """Of two views of the asking picture."""
    side = PLACES * 2 ** (-min(a.place >> 16, b.place >> 16) / SIZES)
    down = abs((a.place >> 8 & 0xFF) - (b.place >> 8 & 0xFF))
    return a.asked != b.asked and max(down, abs((a.place & 0xFF) - (b.place & 0xFF))) >= least * side
