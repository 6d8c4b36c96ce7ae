"""Acknowledge: a pipeline says what became of a picture that it was notified of."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.errors import AlreadyAnswered, OutcomeUnknown
from consent.models import Notification
from consent.rules.outcomes import OUTCOMES
from consentkit.entries import Kind
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.rules.items import Item


@transaction.atomic(durable=True)
def acknowledge(notification: UUID, *, pipeline: int, outcome: str, at: datetime) -> Recorded | None:
    """None where just this was answered before. Raises OutcomeUnknown, NotFound, AlreadyAnswered."""
    if outcome not in OUTCOMES:
        raise OutcomeUnknown(f"Answer with one of: {', '.join(OUTCOMES)}.")
    waiting = Notification.objects.select_for_update(no_key=True, of=("self",)).select_related("pipeline")
    found = waiting.filter(id=notification, pipeline=pipeline).first()
    if found is None:
        raise NotFound("There is no such notification for this key.")
    if found.outcome is not None:
        _refuse_other(found, outcome)
        return None
    act = Act.begin(Kind.ACKNOWLEDGED, at=at)
    found.outcome, found.answered_at = outcome, at
    found.save(update_fields=["outcome", "answered_at"])
    said = {"notification": str(found.id), "outcome": outcome, "pipeline": str(found.pipeline.id)}
    return record(act, [Item("answered", particulars=said)])


def _refuse_other(answered: Notification, outcome: str) -> None:
    if answered.outcome != outcome:
        raise AlreadyAnswered(f"This notification was answered with {answered.outcome!r} before.")
