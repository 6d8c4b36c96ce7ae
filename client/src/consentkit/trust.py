"""What a client believes, in order: checkpoint, consistency, close. Never backwards. No IO.

Invariants
  * A checkpoint is accepted only if it is shown to extend the one accepted before.
  * A close is accepted only under a checkpoint that covers it, within its time, and never for fewer entries.
  * A clock that went backwards is a doubt, and a doubt is an error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from consentkit import merkle
from consentkit.checkpoints import Checkpoint, open_checkpoint
from consentkit.closes import Close, open_close
from consentkit.errors import BadProof, Inconsistent, RolledBack, Stale
from consentkit.merkle import EMPTY_ROOT, Hashes
from consentkit.notes import Verifier

CLOCK_SKEW: Final = 60
"""Seconds by which two honest clocks may differ."""

LONGEST_TERM: Final = 604_800
"""Seconds from `issued_at`, whatever `not_after` says."""


@dataclass(frozen=True)
class Trust:
    """The log's key, and what has been accepted so far: `close` stands for the state in use."""

    verifier: Verifier
    checkpoint: Checkpoint | None = None
    close: Close | None = None

    def advanced(self, note: str | bytes, *, hashes: Callable[[int], Hashes]) -> Self:
        """Trust in a newer checkpoint. `hashes(size)` reads the nodes of the tree that it signs.

        Raises Malformed, BadProof, or Inconsistent: rolled back, or forked.
        """
        new = open_checkpoint(note, self.verifier)
        old = self.checkpoint or Checkpoint(new.origin, 0, EMPTY_ROOT)
        if new.size < old.size:
            raise RolledBack(
                f"the log was rolled back from {old.size} to {new.size} entries: use nothing of it, "
                "and ask its operator"
            )
        merkle.verify_consistency(
            old_size=old.size,
            old_root=old.root,
            new_size=new.size,
            new_root=new.root,
            # Between trees of one size there is no path: their roots are equal or they are forked.
            path=merkle.consistency_path(old.size, new.size, hashes(new.size)) if old.size < new.size else [],
        )
        return type(self)(self.verifier, new, self.close)

    def opened(self, note: str | bytes, *, at: float) -> Close:
        """A close that is signed and within its time. It is not yet accepted."""
        close = open_close(note, self.verifier)
        require_time(close, at=at)
        return close

    def covers(self, close: Close) -> bool:
        """Whether the checkpoint signs what the close is about; if not, a later one will."""
        return self.checkpoint is not None and close.size <= self.checkpoint.size

    def accepted(self, close: Close) -> Self:
        """Trust in a newer state. Raises Inconsistent or Stale if it is older than the one in use, or BadProof."""
        if self.close and close.size < self.close.size:
            raise Inconsistent(
                f"the registry went back from {self.close.size} to {close.size} entries: use nothing of it, "
                "and ask its operator"
            )
        if self.close and close.issued_at < self.close.issued_at - CLOCK_SKEW:
            raise Stale(
                "the registry's answer is older than one it gave before: it serves old answers, ask its operator"
            )
        if not self.covers(close):
            raise BadProof(f"no checkpoint covers entry {close.size - 1}: the registry's publisher may be down")
        return type(self)(self.verifier, self.checkpoint, close)

    def require_clock(self, at: float) -> None:
        """Raises Stale if the clock shows an earlier time than was signed before."""
        if self.close and at < self.close.issued_at - CLOCK_SKEW:
            raise Stale("the clock moved back behind the last sync: set this machine's clock, then sync again")


def require_time(close: Close, *, at: float) -> None:
    """Raises Stale before the close was issued, or after it ended. `at`: Unix seconds."""
    if at < close.issued_at - CLOCK_SKEW:
        raise Stale(
            f"the clock moved: the registry's answer is {int(close.issued_at - at)} s ahead of this machine. "
            "Set the clock, then sync again"
        )
    if at >= min(close.not_after, close.issued_at + LONGEST_TERM):
        raise Stale("the state ended its term: sync again, and if that does not help, the registry serves old answers")


def require_young(close: Close, *, max_age: int, at: float, remedy: str = "run consentkit sync") -> None:
    """Raises Stale for a close that is out of its time or older than `max_age` seconds; `remedy`: what to do then."""
    require_time(close, at=at)
    age = int(at - close.issued_at)
    if age > max_age:
        raise Stale(f"the state is {age} s old, and at most {max_age} s is allowed: {remedy}")
