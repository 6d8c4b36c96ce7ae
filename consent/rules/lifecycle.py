"""The lives of a grant's line and of a case, as tables (DPV 2.3's states)."""

from enum import StrEnum
from typing import Final

from registry.errors import MoveRefused


class GrantState(StrEnum):
    """States of one line (image, purpose) of a grant: `dpv:hasConsentStatus`."""

    GIVEN = "given"  # the person moves next, or the clock
    WITHDRAWN = "withdrawn"  # nobody: a new grant is a new record
    REVOKED = "revoked"  # a steward


class GrantMove(StrEnum):
    """Who ended it says which: the person withdraws, the registry revokes."""

    WITHDRAW = "withdraw"
    REVOKE = "revoke"


GRANT_MOVES: Final = {
    (GrantState.GIVEN, GrantMove.WITHDRAW): GrantState.WITHDRAWN,
    (GrantState.GIVEN, GrantMove.REVOKE): GrantState.REVOKED,
}


class CaseState(StrEnum):
    """States of a case: `dpv:hasStatus` of a `dpv:RightExerciseActivity`."""

    ACKNOWLEDGED = "acknowledged"  # a steward moves next
    FULFILLED = "fulfilled"  # nobody, unless a steward takes the decision back
    REJECTED = "rejected"  # nobody, unless a steward takes the decision back


class CaseMove(StrEnum):
    """What a steward does to a case."""

    ACCEPT = "accept"
    REJECT = "reject"
    REOPEN = "reopen"  # take a decision back


CASE_MOVES: Final = {
    (CaseState.ACKNOWLEDGED, CaseMove.ACCEPT): CaseState.FULFILLED,
    (CaseState.ACKNOWLEDGED, CaseMove.REJECT): CaseState.REJECTED,
    (CaseState.FULFILLED, CaseMove.REOPEN): CaseState.ACKNOWLEDGED,
    (CaseState.REJECTED, CaseMove.REOPEN): CaseState.ACKNOWLEDGED,
}
DECISIONS: Final = (CaseMove.ACCEPT, CaseMove.REJECT)
GUARDS: Final = (CaseState.ACKNOWLEDGED, CaseState.FULFILLED)
"""States in which a case watches for the picture that it is about."""


class Hold(StrEnum):
    """What a case does to one image."""

    RESTRICTED = "restricted"
    NOTED = "noted"  # past the allowance: listed for the steward, and restricted as the allowance renews
    LIFTED = "lifted"
    REVOKED = "revoked"


class Search(StrEnum):
    """How far the search for copies of an asker's picture has come."""

    NONE = "none"  # there is no picture
    WAITING = "waiting"  # a worker moves next
    DONE = "done"
    UNREADABLE = "unreadable"  # a steward decides without it


def grant_after(state: GrantState, move: GrantMove) -> GrantState:
    """Raises MoveRefused where the table has no such move."""
    try:
        return GRANT_MOVES[state, move]
    except KeyError:  # this line has already ended
        raise MoveRefused(f"a line that is {state} cannot be moved by {move}") from None


def case_after(state: CaseState, move: CaseMove) -> CaseState:
    """Raises MoveRefused where the table has no such move."""
    try:
        return CASE_MOVES[state, move]
    except KeyError:  # what is decided is taken back before it is decided anew
        raise MoveRefused(f"a case that is {state} cannot {move}") from None


def guarding(state: CaseState) -> "Hold":
    """What a case in a guarding state does to an image with the bytes that it is about."""
    return Hold.REVOKED if state == CaseState.FULFILLED else Hold.RESTRICTED


HOLD_MOVES: Final = {
    (Hold.RESTRICTED, CaseMove.ACCEPT): Hold.REVOKED,
    (Hold.RESTRICTED, CaseMove.REJECT): Hold.LIFTED,
    (Hold.NOTED, CaseMove.ACCEPT): Hold.REVOKED,
    (Hold.NOTED, CaseMove.REJECT): Hold.NOTED,
    (Hold.REVOKED, CaseMove.REOPEN): Hold.RESTRICTED,
    (Hold.LIFTED, CaseMove.REOPEN): Hold.RESTRICTED,
    (Hold.NOTED, CaseMove.REOPEN): Hold.NOTED,
}


def hold_after(hold: Hold, move: CaseMove, *, same: bool) -> Hold:
    """What a decision makes of one image. Accepting a case rejects what the steward did not find in it the same."""
    return HOLD_MOVES[hold, move if same else CaseMove.REJECT]


def record_state(lines: set[GrantState]) -> str:
    """The DPV state of a whole grant, derived from its lines: given while any line is."""
    if GrantState.GIVEN in lines:
        return GrantState.GIVEN
    return GrantState.WITHDRAWN if GrantState.WITHDRAWN in lines else GrantState.REVOKED
