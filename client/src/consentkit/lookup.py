"""Which digests a synced state permits: many at a time, for one purpose, at one moment.

Invariants
  * All 32 bytes are compared. Digests that begin alike are different digests.
  * Only a row says permitted. Several images of one digest: the strongest answer holds.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentkit import scopes
from consentkit.errors import Malformed, Unreachable
from consentkit.keys import Keys
from consentkit.rows import Bytes, Rows

PERMITTED: Final = 0
UNKNOWN: Final = 1
NOT_COVERED: Final = 2
WAIT: Final = 3
REMOVE: Final = 4
"""Answers, weakest first: of several the greatest holds."""

REASONS: Final = (None, None, "not_covered", "wait", "remove")
"""What a pipeline is told with each answer."""

_OF_REASON: Final = {
    None: PERMITTED,
    "unknown": UNKNOWN,
    "not_covered": NOT_COVERED,
    "wait": WAIT,
    "remove": REMOVE,
}
_BY_CODE: Final = np.array([_OF_REASON[reason] for reason in scopes.WIRE_REASONS], np.uint8)
_NEVER: Final = np.iinfo(np.int64).max
_MOST_BITS: Final = 28
_MOST_ROWS: Final = 2**31 - 2
_COUNTED_AT_ONCE: Final = 1 << 20


@dataclass(frozen=True)
class Found:
    """Per key: its answer, and whether the registry has a row for it."""

    answer: Bytes
    known: NDArray[np.bool_]


class Lookup:
    """Answers for one purpose. Made once per state; the answers are renewed when an `until` passes."""

    def __init__(self, rows: Rows, *, purpose: str, at: float) -> None:
        """Raises Unreachable for a purpose that the key does not cover. `at`: Unix seconds."""
        if purpose not in rows.purposes:
            raise Unreachable(f"this key does not cover {purpose}: it covers {', '.join(rows.purposes)}")
        position = rows.purposes.index(purpose)
        self._until = rows.until[position]
        self._reason = rows.reason[position]
        # Four words a digest; unaligned or read-only memory will do.
        self._words = np.ascontiguousarray(rows.sha256).view(np.uint64)
        self._first = _first_of_each(self._words)
        self._starts, self._shift = _starts(rows.sha256)
        self._renew(at)

    def find(self, keys: Keys, *, at: float) -> Found:
        """The answers to these keys. What is not a digest in the one form is never permitted."""
        if not self._at <= at < self.valid_until:
            self._renew(at)
        place = self._places(keys.sha256)
        place[~keys.read] = -1
        known = place >= 0
        answer = np.full(len(keys), UNKNOWN, np.uint8)
        answer[known] = self._answers.take(place[known])
        answer[(answer == PERMITTED) & ~keys.proper] = UNKNOWN
        return Found(answer, known)

    def _renew(self, at: float) -> None:
        """Until the earliest `until` among the permitted, `valid_until`, the answers stay as they are."""
        answers = _BY_CODE[self._reason]
        clear = answers == PERMITTED
        ahead = self._until > at
        answers[clear & ~ahead] = NOT_COVERED  # expired
        answers[clear & (self._until == 0)] = UNKNOWN  # no term and no reason: the registry never says so
        # A row reads the strongest answer of all rows of its digest at the first of them.
        if self._first is not None:
            answers[self._first] = np.maximum.reduceat(answers, self._first)
        self._answers = answers
        self._at = at
        self.valid_until = float(np.min(self._until, where=clear & ahead, initial=_NEVER))

    def _places(self, sha256: Bytes) -> NDArray[np.int32]:
        """The first row of each digest, or -1. `take` is ten times as fast as an index in brackets."""
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
