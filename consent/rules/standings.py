"""What is permitted for one image, from the facts about it: the rule of law 1.

No clock is here: a permitted scope carries the second at which it ends, and only whoever asks compares it with now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from consent.rules.reasons import Reason
from consentkit.scopes import SCOPES

Ends = tuple[int | None, ...]  # by scope: Unix seconds at which permission ends; None where there is none


@dataclass(frozen=True)
class Terms:
    """By scope, `until` (Unix seconds) or `reason`; exactly one of the two is None."""

    until: tuple[int | None, ...]
    reason: tuple[Reason | None, ...]


@dataclass(frozen=True)
class Facts:
    """All that a standing depends on, for one image.

    `withdrawn` is bits by scope, over everybody who withdrew and has not granted since. `granted` holds for each
    person shown the newest grant's end by scope; who it is makes no difference. `sources` are the terms of the images
    that this one was made from. `denied` is bits by scope: what the file itself says, unless a steward lifted it.
    """

    fingerprinted: bool
    erased: bool
    revoked: bool
    restricted: bool
    everyone_confirmed: bool
    withdrawn: int
    granted: tuple[Ends, ...]
    sources: tuple[Terms, ...] = ()
    denied: int = 0


NOBODY: Final = Facts(
    fingerprinted=False,
    erased=False,
    revoked=False,
    restricted=False,
    everyone_confirmed=False,
    withdrawn=0,
    granted=(),
)


@lru_cache(maxsize=1024)
def terms(facts: Facts) -> Terms:
    """The standing's two rows of ten. Of most images the same is known, so it is ruled once."""
    ruled = [_scope(facts, scope) for scope in range(SCOPES)]
    return Terms(tuple(until for until, _ in ruled), tuple(reason for _, reason in ruled))


def _scope(facts: Facts, scope: int) -> tuple[int | None, Reason | None]:
    barred = _barred(facts, scope)
    if barred is not None:
        return None, barred
    ends = [by_scope[scope] for by_scope in facts.granted]
    given = [end for end in ends if end is not None]
    if len(given) < len(ends) or not given:
        return None, _not_granted(facts.granted)
    return min(given + [source.until[scope] or 0 for source in facts.sources]), None


def _barred(facts: Facts, scope: int) -> Reason | None:
    """The strongest reason that no grant can outweigh; in the order of Reason."""
    if facts.erased:
        return Reason.ERASED
    if facts.withdrawn >> scope & 1:
        return Reason.WITHDRAWN
    if facts.revoked:
        return Reason.REVOKED
    if facts.restricted:
        return Reason.RESTRICTED
    if facts.denied >> scope & 1:
        return Reason.RIGHTS_SIGNAL
    if any(source.until[scope] is None for source in facts.sources):
        return Reason.DERIVED_FROM_EXCLUDED
    if not facts.everyone_confirmed:
        return Reason.DEPICTED_UNCONFIRMED
    if not facts.fingerprinted:
        return Reason.UNFINGERPRINTED
    return None


def _not_granted(granted: Sequence[Ends]) -> Reason:
    anything = any(end is not None for by_scope in granted for end in by_scope)
    return Reason.PURPOSE_NOT_GRANTED if anything else Reason.NO_GRANT
