"""What one person says of one use of a picture: the status of their consent, in DPV's words.

It permits nothing by itself: everybody shown must have given theirs, and the registry must not have stopped the use.
"""

from enum import StrEnum


class Consent(StrEnum):
    """`dpv:hasConsentStatus`; `none` where they never said anything."""

    NONE = "none"
    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    REVOKED = "revoked"


def consent(until: int | None, *, withdrawn: bool, revoked: bool, now: int) -> Consent:
    """`until`: Unix seconds at which what they gave ends, None where nothing given stands. The strongest word first."""
    if withdrawn:
        return Consent.WITHDRAWN
    if revoked:
        return Consent.REVOKED
    if until is None:
        return Consent.NONE
    return Consent.GIVEN if now < until else Consent.EXPIRED
