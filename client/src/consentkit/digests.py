"""Digests in order, and where each of many others stands among them.

Invariant
  * All 32 bytes are compared. Digests that begin alike are different digests.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consentkit.errors import Malformed
from consentkit.keys import Keys
from consentkit.rows import SHA256_BYTES, Bytes

Places = NDArray[np.int32]

_MOST_BITS: Final = 28
_MOST_ROWS: Final = 2**31 - 2
_COUNTED_AT_ONCE: Final = 1 << 20


class Digests:
    """n x 32 in order; one may stand there several times. Unaligned or read-only memory will do."""

    def __init__(self, sha256: Bytes) -> None:
        self._words = np.ascontiguousarray(sha256).view(np.uint64)  # four a digest
        self.first_of_each = _first_of_each(self._words)
        """The first place of each digest, or None where no digest stands twice."""
        self._starts, self._shift = _starts(sha256)

    def __len__(self) -> int:
        return len(self._words)

    def taken(self, places: NDArray[Any]) -> Bytes:
        """The digests at these places."""
        return np.asarray(self._words[places].view(np.uint8).reshape(-1, SHA256_BYTES))

    def places(self, keys: Keys) -> Places:
        """The first place of each key, or -1. What is no digest is nowhere."""
        place = self._places(keys.sha256)
        place[~keys.read] = -1
        return place

    def runs(self, places: Places) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """For each of `places` that is not -1 all places of that digest: numbers in `places`, and places."""
        number = np.flatnonzero(places >= 0)
        first = places[number].astype(np.intp)
        if self.first_of_each is None:
            return number, first
        ends = np.append(self.first_of_each[1:], len(self))
        counts = ends[np.searchsorted(self.first_of_each, first)] - first
        steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(number, counts), np.repeat(first, counts) + steps

    def _places(self, sha256: Bytes) -> Places:
        """`take` is ten times as fast as an index in brackets."""
        words = np.ascontiguousarray(sha256).view(np.uint64)
        bucket = _leading(sha256) >> self._shift
        row, end = self._starts.take(bucket), self._starts.take(bucket + 1)
        if not len(self._words):
            return np.full(len(sha256), -1, np.int32)
        # Nearly all are decided by the first row of their bucket. An empty one begins where the next does, maybe at
        # the end: what is read there does not count.
        same = _equal(self._words.take(row, axis=0, mode="clip"), words) & (row < end)
        place = np.where(same, row, np.int32(-1))
        row += 1
        left = np.flatnonzero(~same & (row < end))
        row, end = row.take(left), end.take(left)
        while len(left):
            same = _equal(self._words.take(row, axis=0), words.take(left, axis=0))
            place[left[same]] = row[same]
            row += 1
            on = np.flatnonzero(~same & (row < end))
            left, row, end = left.take(on), row.take(on), end.take(on)
        return place


def _equal(some: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which rows of four words are equal, all 32 bytes."""
    apart = some ^ others
    differ = apart[:, 0] | apart[:, 1] | apart[:, 2] | apart[:, 3]
    return np.asarray(differ == 0)


def _leading(sha256: Bytes) -> NDArray[np.int64]:
    """The first four bytes of each digest as a number."""
    return np.ascontiguousarray(sha256[:, :4]).view(">u4").reshape(-1).astype(np.int64)


def _starts(sha256: Bytes) -> tuple[NDArray[np.int32], int]:
    """Where the rows of each value of the leading bits begin: about one row to a bucket."""
    if len(sha256) > _MOST_ROWS:
        raise Malformed(f"a state of more than {_MOST_ROWS} images")
    bits = min(max(len(sha256).bit_length(), 1), _MOST_BITS)
    shift = 32 - bits
    starts = np.zeros((1 << bits) + 1, np.int32)
    for first in range(0, len(sha256), _COUNTED_AT_ONCE):  # in order, so each run of rows fills a run of buckets
        bucket = _leading(sha256[first : first + _COUNTED_AT_ONCE]) >> shift
        counted = np.bincount(bucket - bucket[0])
        starts[bucket[0] + 1 :][: len(counted)] += counted
    return np.cumsum(starts, out=starts), shift


def _first_of_each(words: NDArray[np.uint64]) -> NDArray[np.intp] | None:
    """The first row of each digest, or None where no digest stands twice."""
    alike = np.flatnonzero(words[1:, 0] == words[:-1, 0])  # few of millions: only these are compared whole
    again = alike[_equal(words[alike], words[alike + 1])] + 1
    return np.delete(np.arange(len(words)), again) if len(again) else None


def in_order(sha256: Bytes) -> NDArray[np.intp]:
    """Which digest comes first, second, ... Those alike keep their order. Needs 24 bytes a digest besides."""
    words = sha256.view(">u8")
    head = words[:, 0].astype(np.uint64)
    order = np.argsort(head, kind="stable")
    head = head[order]
    alike = head[1:] == head[:-1]
    if alike.any():  # a digest twice, or two that begin alike: only these are compared whole
        tied = np.zeros(len(head), bool)
        tied[1:] |= alike
        tied[:-1] |= alike
        some = order[tied]
        order[tied] = some[np.lexsort(words[some].T[::-1])]
    return np.asarray(order)
