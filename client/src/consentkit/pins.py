"""A size that is kept for a long run: every rank and restart reads the same, until its term ends.

Invariants
  * A pin's answers are those of its size. What is withdrawn later counts from `advance` on, at the latest when the
    term ends: 7 days after the registry signed it.
  * Past that end it answers nothing any more, neither to an epoch that begins nor within one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from consentkit import trust
from consentkit.errors import Stale
from consentkit.moments import Judges, Moment, listed
from consentkit.settings import Misuse
from consentkit.state import State
from consentkit.terms import Term


@dataclass(frozen=True)
class Advanced:
    """What `advance` did: the sizes, and per purpose the digests that were permitted before and no longer are."""

    before: int
    size: int
    removed: dict[str, list[str]]


@dataclass(frozen=True)
class Kept:
    """A state on disk: the folder that holds it, and in it the file of its rows."""

    state: State
    folder: Path
    rows: Path


class Pin:
    """One pinned size. Made by `Registry.pin`, or loaded by `Registry.pinned`; to be used in one thread."""

    def __init__(self, kept: Kept, newest: Callable[[], "Pin"]) -> None:
        """`newest` pins what the registry signs now. Raises Stale for a clock that moved back."""
        self._newest = newest
        self._in_epoch = False
        self._take(kept)

    @property
    def size(self) -> int:
        """The log's size at which its answers are true. All ranks must have the same."""
        return self.kept.state.size

    @property
    def path(self) -> Path:
        """The folder that holds it, below CONSENTKIT_HOME: other machines need it at the same place."""
        return self.kept.folder

    @property
    def ended(self) -> bool:
        """Whether it answers nothing any more: save a checkpoint, then `advance`, or stop."""
        return self._term.ended

    def remaining(self) -> float:
        """Seconds until its term ends. A clock set back does not prolong it."""
        return self._term.remaining()

    def moment(self, *, at: float | None = None) -> Moment:
        """Its size as an epoch reads it, judged now or, so that all ranks agree, `at`. Raises LeaseEnded or Stale."""
        now = self._term.require()
        at = now if at is None else at
        trust.require_time(self.kept.state.close, at=at)
        return Moment(self.kept.state, at, self._term, self.kept.rows, self._judges)

    @contextmanager
    def epoch(self, *, at: float | None = None) -> Iterator[Moment]:
        """A moment to read from; while it lasts, the pin does not advance. Raises LeaseEnded or Stale.

        It raises LeaseEnded later, too, if the term ends meanwhile: look at `remaining` before it begins.
        """
        moment = self.moment(at=at)
        self._in_epoch = True
        try:
            yield moment
        finally:
            self._in_epoch = False

    def advance(self) -> Advanced:
        """Moves to the newest size, only between epochs, and says what was removed since. Raises Misuse, or as
        `Registry.pin`: then the pin is as it was.
        """
        return self.moved(self._newest())

    def moved(self, to: "Pin") -> Advanced:
        """Takes the place of another pin of the same registry. Raises Misuse within an epoch, or for an older one."""
        if self._in_epoch:
            raise Misuse("advance() is for the time between epochs: end the epoch first")
        if to.size < self.size:
            raise Misuse(f"a pin does not go back, from size {self.size} to {to.size}")
        told = Advanced(self.size, to.size, _removed(self.kept.state, to.kept.state))
        self._take(to.kept)
        return told

    def _take(self, kept: Kept) -> None:
        close, at = kept.state.close, time.time()
        if at < close.issued_at - trust.CLOCK_SKEW:
            raise Stale("the clock moved back behind the pin: set this machine's clock")
        self.kept = kept
        ends = float(min(close.not_after, close.issued_at + trust.LONGEST_TERM))
        remedy = "save a checkpoint, then call advance() or pin again"
        self._term = Term(ends, f"the pin of size {kept.state.size}", remedy)
        self._judges: Judges = {}


def _removed(before: State, after: State) -> dict[str, list[str]]:
    """The former as of when it was signed, the latter now: what has expired since is removed, too."""
    now, removed = time.time(), {}
    for purpose in before.rows.purposes:
        had = _permitted(before, purpose, at=before.close.issued_at)
        has = _permitted(after, purpose, at=now) if purpose in after.rows.purposes else had[:0]
        removed[purpose] = had.filter(pc.invert(pc.is_in(had, value_set=has))).to_pylist()
    return removed


def _permitted(state: State, purpose: str, *, at: float) -> Any:
    table = listed(state, purpose, at=at)
    return table["sha256"].filter(pc.greater(table["until"], 0))
