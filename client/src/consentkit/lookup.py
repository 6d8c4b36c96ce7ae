"""Which digests a synced state permits: many at a time, for one or several purposes at once, at one moment.

Invariants
  * All 32 bytes are compared. Digests that begin alike are different digests.
  * Several purposes are an intersection: permitted is what each of them permits; else the strongest answer holds.
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
from consentkit.purposes import Purposes, purposes_of
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


@dataclass(frozen=True)
class _Answers:
    """One a row, as they are from `begin` to `end`, both Unix seconds."""

    row: Bytes
    begin: float
    end: float


class Lookup:
    """Answers for some purposes. Made once per state; the answers are renewed when an `until` passes."""

    def __init__(self, rows: Rows, *, purpose: Purposes, at: float) -> None:
        """Raises Misuse for no purpose of ours, Unreachable for one that the key does not cover. `at`: Unix seconds."""
        asked = purposes_of(purpose)
        for each in asked:
            if each not in rows.purposes:
                raise Unreachable(f"this key does not cover {each}: it covers {', '.join(rows.purposes)}")
        positions = [rows.purposes.index(each) for each in asked]
        self._terms = [(rows.until[position], rows.reason[position]) for position in positions]
        self.digests = Digests(rows.sha256)
        self._answers = self._renewed(at)

    def find(self, keys: Keys, *, at: float) -> Found:
        """The answers to these keys. What is not a digest in the one form is never permitted."""
        answers = self._answers  # once: another thread may renew it
        if not answers.begin <= at < answers.end:
            self._answers = answers = self._renewed(at)
        place = self.digests.places(keys)
        known = place >= 0
        answer = np.full(len(keys), UNKNOWN, np.uint8)
        answer[known] = answers.row.take(place[known])
        answer[(answer == PERMITTED) & ~keys.proper] = UNKNOWN
        return Found(answer, known)

    def known(self, keys: Keys) -> Bytes:
        """Those of these digests that the registry has a row for."""
        return keys.sha256[self.digests.places(keys) >= 0]

    def said(self, places: NDArray[Any]) -> Bytes:
        """The answers to digests at these places, as of the last `find`."""
        return np.asarray(self._answers.row.take(places))

    def _renewed(self, at: float) -> _Answers:
        """Until the earliest `until` among the permitted they stay as they are."""
        strongest, end = np.full(len(self.digests), PERMITTED, np.uint8), float(_NEVER)
        for until, reason in self._terms:
            answers = _BY_CODE[reason]
            clear, ahead = answers == PERMITTED, until > at
            answers[clear & ~ahead] = NOT_COVERED  # expired
            answers[clear & (until == 0)] = UNKNOWN  # no term and no reason: the registry never says so
            np.maximum(strongest, answers, out=strongest)
            end = min(end, float(np.min(until, where=clear & ahead, initial=_NEVER)))
        # A row reads the strongest answer of all rows of its digest at the first of them.
        if (first := self.digests.first_of_each) is not None:
            strongest[first] = np.maximum.reduceat(strongest, first)
        return _Answers(strongest, at, end)
