"""The page of all states, made from the tables that the code runs on.

python -m tests.docs.lifecycle      # writes docs/lifecycle.md anew
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from consent.rules.lifecycle import CASE_MOVES, GRANT_MOVES, CaseMove, CaseState, GrantMove, GrantState
from consent.rules.reasons import Reason, decision, wire
from registry.rules.lifecycle import MOVES, ImageMove, ImageState

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "lifecycle.md"

IMAGES: Final = {
    ImageState.SUBMITTED: "the registry: a worker decodes it",
    ImageState.REGISTERED: "everybody shown: grant",
    ImageState.REJECTED: "nobody: bring a better picture",
}
IMAGE_MOVES: Final = {
    ImageMove.REGISTER: "the fingerprints are accepted",
    ImageMove.REJECT: "the bytes are no picture that we take, or every attempt to decode them failed",
}
GRANTS: Final = {
    GrantState.GIVEN: ("dpv:ConsentGiven", "the person, or the clock"),
    GrantState.WITHDRAWN: ("dpv:ConsentWithdrawn", "nobody: a new grant is a new record"),
    GrantState.REVOKED: ("dpv:ConsentRevoked", "nobody"),
}
GRANT_MOVERS: Final = {GrantMove.WITHDRAW: "the person", GrantMove.REVOKE: "the registry, by a steward's decision"}
CASES: Final = {
    CaseState.ACKNOWLEDGED: ("dpv:RequestAcknowledged", "a steward, within one calendar month"),
    CaseState.FULFILLED: ("dpv:RequestFulfilled", "nobody, unless a steward takes the decision back"),
    CaseState.REJECTED: ("dpv:RequestRejected", "nobody, unless a steward takes the decision back"),
}
CASE_EFFECTS: Final = {
    CaseMove.ACCEPT: "of the images that it lists, those the steward finds the same are revoked, the others let go",
    CaseMove.REJECT: "the restriction is lifted",
    CaseMove.REOPEN: "what was revoked or let go is restricted again, as is what came since with the same bytes",
}

INTRODUCTION: Final = """\
# Lives of images, grants and cases

Made from the tables that the code runs on; a test compares. A state that is not on the left of a move has no move. DPV
terms are those of the W3C Data Privacy Vocabulary 2.3."""

GRANT_TEXT: Final = """\
A grant is one record with a line for each image and purpose; lines hold the states (`dpv:hasConsentStatus`). The
record is *given* while any of its lines is. **Expired** (`dpv:ConsentExpired`) is not stored: a line that is given
and whose end has passed has expired, and only whoever asks compares the two. A withdrawal holds whether or not there
was a grant, until the same person's newer grant of the same purpose to the same audience."""

CASE_TEXT: Final = """\
A case (`dpv:RightExerciseActivity`) restricts the images that it names exactly as soon as it is opened, and copies of a
picture that came with it as soon as a worker has found them; of copies that are in use, a hundred a day for one
claimant, past which they are only noted, and taken up on the days after. A request counts once its code was entered.
While it is open, and for good once it is accepted, a case watches for what was asked about: an image that comes later
with the same bytes is restricted (accepted: revoked) in the act that brings it, and one that looks like it is
restricted before it is registered. Only a steward decides it, not before its search has ended, and chooses which of the
images are the same. An upload that looks like somebody's protected image opens a case of its own, and so do copies
found once an image is withdrawn. Where two people say different things about one picture, the case restricts nothing:
their statements do, until all have granted or a steward finds one of them false."""

REASON_TEXT: Final = """\
Strongest first; the first that applies is given. The person and stewards see the reason, a pipeline sees only what it
must do. In a check, an unknown image comes with no word at all; in a snapshot it says `unknown`."""


def render() -> str:
    """The whole page."""
    parts = [
        INTRODUCTION,
        "## An image",
        _table(("state", "who moves next"), IMAGES.items()),
        _moves(MOVES, IMAGE_MOVES, "when"),
        "## A line of a grant",
        GRANT_TEXT,
        _states(GRANTS),
        _moves(GRANT_MOVES, GRANT_MOVERS, "by"),
        "## A case",
        CASE_TEXT,
        _states(CASES),
        _moves(CASE_MOVES, CASE_EFFECTS, "then"),
        "## Reasons",
        REASON_TEXT,
        _table(("reason", "decision", "a pipeline is told"), ((r.word, decision(r), f"`{wire(r)}`") for r in Reason)),
    ]
    return "\n\n".join(parts) + "\n"


def _states(states: Mapping[StrEnum, tuple[str, str]]) -> str:
    rows = ((state, f"`{term}`", who) for state, (term, who) in states.items())
    return _table(("state", "DPV", "who moves next"), rows)


def _moves(moves: Mapping[tuple[StrEnum, StrEnum], StrEnum], said: Mapping[StrEnum, str], heading: str) -> str:
    rows = ((before, move, after, said[move]) for (before, move), after in moves.items())
    return _table(("from", "move", "to", heading), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
