"""Why an image may not be used: inner reasons, and the little that a pipeline is told."""

from enum import IntEnum, StrEnum
from typing import Final


class Decision(StrEnum):
    """The three answers. Only the first permits (law 1)."""

    PERMITTED = "permitted"
    EXCLUDED = "excluded"
    UNKNOWN = "unknown"


class Reason(IntEnum):
    """Inner reasons, strongest first: the smallest that applies is given. Stored; the numbers never change."""

    ERASED = 10
    WITHDRAWN = 20
    REVOKED = 30
    REFUSED = 40
    RESTRICTED = 50
    RIGHTS_SIGNAL = 60
    DERIVED_FROM_EXCLUDED = 70
    DEPICTED_UNCONFIRMED = 80
    UNFINGERPRINTED = 90
    UNEVIDENCED = 100
    EXPIRED = 110
    PURPOSE_NOT_GRANTED = 120
    NO_GRANT = 130

    @property
    def word(self) -> str:
        """The reason as stewards and the person read it."""
        return self.name.lower()


UNKNOWN: Final = frozenset({Reason.UNFINGERPRINTED, Reason.UNEVIDENCED})
REMOVE: Final = frozenset({Reason.ERASED, Reason.WITHDRAWN, Reason.REVOKED})
WAIT: Final = frozenset({Reason.RESTRICTED, Reason.RIGHTS_SIGNAL, Reason.DEPICTED_UNCONFIRMED})

PROTECTING: Final = frozenset({Reason.ERASED, Reason.WITHDRAWN, Reason.REVOKED, Reason.REFUSED, Reason.RESTRICTED})
"""Copies of an image are looked for while one of these stands against any use of it."""
FINAL: Final = PROTECTING - {Reason.RESTRICTED}
"""Of them, those that somebody decided: a suspicion does not spread to copies by itself."""


class Duty(IntEnum):
    """What a pipeline must do about an image, the weakest first. Stored; the numbers never change."""

    NOT_COVERED = 1
    WAIT = 2
    REMOVE = 3

    @property
    def word(self) -> str:
        """As pipelines read it: what `wire` says."""
        return self.name.lower()


def duty(reason: Reason) -> Duty | None:
    """None where the image is only unknown."""
    return None if reason in UNKNOWN else Duty[wire(reason).upper()]


def decision(reason: Reason) -> Decision:
    return Decision.UNKNOWN if reason in UNKNOWN else Decision.EXCLUDED


def wire(reason: Reason) -> str:
    """What a pipeline must do: `remove`, `wait`, `not_covered`; or `unknown`, as snapshots write it."""
    if reason in UNKNOWN:
        return "unknown"
    if reason in REMOVE:
        return "remove"
    return "wait" if reason in WAIT else "not_covered"
