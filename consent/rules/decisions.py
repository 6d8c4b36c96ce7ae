"""From a standing's term to the answer: the only place where a clock meets a standing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consent.rules.reasons import Decision, Reason, decision, wire

LEASE = 15 * 60  # seconds


@dataclass(frozen=True)
class Decided:
    """One answer: the decision, and the inner reason where it is not permitted (None for a stranger)."""

    decision: Decision
    reason: Reason | None = None

    @property
    def told(self) -> str | None:
        """What a pipeline is told; null when permitted or unknown."""
        return wire(self.reason) if self.reason is not None and self.decision is Decision.EXCLUDED else None


STRANGER = Decided(Decision.UNKNOWN)
PERMITTED: Final = Decided(Decision.PERMITTED)
ANSWERS: Final = (STRANGER, PERMITTED, *(Decided(decision(reason), reason) for reason in Reason))
"""Whatever `decide` can say, so that an answer is one byte: its place here. In memory only; nothing stores places."""


def decide(until: int | None, reason: Reason | None, *, now: int, doubted: bool = False) -> Decided:
    """The answer at `now` (Unix seconds). A doubt turns permitted into unknown and nothing else (law 11)."""
    if until is None:
        return STRANGER if reason is None else Decided(decision(reason), reason)
    if now >= until:
        return Decided(Decision.EXCLUDED, Reason.EXPIRED)
    return STRANGER if doubted else PERMITTED


def strongest(terms: Iterable[tuple[int | None, Reason | None]]) -> tuple[int | None, Reason | None]:
    """Several images of one digest answer as one: the strongest reason, else unknown if one says nothing, else the
    earliest end.
    """
    terms = list(terms)
    reasons = [reason for _, reason in terms if reason is not None]
    if reasons:
        return None, min(reasons)
    if any(until is None for until, _ in terms):
        return None, None
    return min((until for until, _ in terms if until is not None), default=None), None


def lease(ends: Iterable[int], *, now: int) -> int:
    """`valid_until` in Unix seconds: the earliest of now + LEASE and the ends of what was permitted."""
    return min([now + LEASE, *ends])
