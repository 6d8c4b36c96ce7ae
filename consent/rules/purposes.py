"""Sets of scopes as bits, so that a withdrawal's line is one small number."""

from collections.abc import Iterable

from consent.errors import ScopeNotOffered
from consentkit.scopes import AUDIENCES, PURPOSES, SCOPES, scope

ALL_SCOPES = (1 << SCOPES) - 1


def bits_of(purposes: Iterable[str], *, audiences: Iterable[str] = AUDIENCES) -> int:
    """Bit `scope(purpose, audience)` for each pair."""
    found = 0
    for purpose in purposes:
        for audience in audiences:
            found |= 1 << scope(purpose, audience)
    return found


def in_order(purposes: Iterable[str]) -> list[str]:
    """Known purposes, once each, in the order of their positions. Raises ScopeNotOffered for any other word."""
    asked = set(purposes)
    if strange := sorted(asked - set(PURPOSES)):
        raise ScopeNotOffered(f"There is no purpose {strange[0]!r}. The purposes are: {', '.join(PURPOSES)}.")
    return [purpose for purpose in PURPOSES if purpose in asked]
