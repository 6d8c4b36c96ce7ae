"""Which digests a synced state permits: many at a time, for one purpose, at one moment.

Invariants
  * All 32 bytes are compared. Digests that begin alike are different digests.
  * Only a row says permitted. Several images of one digest: the strongest answer holds.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consentkit import scopes
from consentkit.digests import Digests
from consentkit.errors import Unreachable
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
        self.digests = Digests(rows.sha256)
        self._renew(at)

    def find(self, keys: Keys, *, at: float) -> Found:
        """The answers to these keys. What is not a digest in the one form is never permitted."""
        if not self._at <= at < self.valid_until:
            self._renew(at)
        place = self.digests.places(keys)
        known = place >= 0
        answer = np.full(len(keys), UNKNOWN, np.uint8)
        answer[known] = self._answers.take(place[known])
        answer[(answer == PERMITTED) & ~keys.proper] = UNKNOWN
        return Found(answer, known)

    def known(self, keys: Keys) -> Bytes:
        """Those of these digests that the registry has a row for."""
        return keys.sha256[self.digests.places(keys) >= 0]

    def said(self, places: NDArray[Any]) -> Bytes:
        """The answers to digests at these places, as of the last `find`."""
        return np.asarray(self._answers.take(places))

    def _renew(self, at: float) -> None:
        """Until the earliest `until` among the permitted, `valid_until`, the answers stay as they are."""
        answers = _BY_CODE[self._reason]
        clear = answers == PERMITTED
        ahead = self._until > at
        answers[clear & ~ahead] = NOT_COVERED  # expired
        answers[clear & (self._until == 0)] = UNKNOWN  # no term and no reason: the registry never says so
        # A row reads the strongest answer of all rows of its digest at the first of them.
        if (first := self.digests.first_of_each) is not None:
            answers[first] = np.maximum.reduceat(answers, first)
        self._answers = answers
        self._at = at
        self.valid_until = float(np.min(self._until, where=clear & ahead, initial=_NEVER))
