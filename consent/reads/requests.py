"""A request as whoever asked may see it: how far it is and what came of it, and nothing of what it hit."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consent.models import Case, Request
from consent.rules.lifecycle import CaseState

OUTCOMES = {CaseState.ACKNOWLEDGED: None, CaseState.FULFILLED: "accepted", CaseState.REJECTED: "rejected"}


@dataclass(frozen=True)
class Progress:
    """`state`: `unproven`, `open` or `decided`. `outcome`: `accepted` or `rejected`. An open one is due at `due_at`."""

    reference: str
    state: str
    outcome: str | None
    asked_at: datetime
    due_at: datetime | None
    proven: bool


def progress(request: UUID) -> Progress:
    """Of a request whose code was shown (`consent.acts.prove.known`)."""
    asked = Request.objects.get(id=request)
    case = Case.objects.filter(id=request).first()
    proven = asked.proven_at is not None
    if case is None:
        return Progress(asked.reference, "unproven", None, asked.asked_at, None, proven)
    outcome = OUTCOMES[CaseState(case.state)]
    state = "open" if outcome is None else "decided"
    return Progress(asked.reference, state, outcome, asked.asked_at, case.due_at, proven)


def waiting_for_code(requests: Iterable[UUID]) -> set[UUID]:
    """Those of these that nobody has proven yet, and that have not ended."""
    return set(Request.objects.filter(id__any=requests, opened_at=None).values_list("id", flat=True))
