"""Deliver: take the next word that a webhook is owed, and say what became of it. The log has no entry.

Nothing is sent in here: between the two nobody holds a transaction. A worker that dies between them leaves an attempt
that counts, and the next takes the same word when the lease is over: at least once, in order, by endpoint.
"""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from django.db import transaction

from consent.models import Notification, Webhook
from consent.rules.retries import LEASE, gap


@dataclass(frozen=True)
class Owed:
    """One notification for one endpoint. `attempt` counts from 1; `serial` is the notification's.

    `secrets`: what its signatures follow from, the newest first.
    """

    webhook: UUID
    url: str
    notification: UUID
    created_at: datetime
    serial: int
    attempt: int
    secrets: tuple[UUID, ...]


@dataclass(frozen=True)
class Answered:
    """What the endpoint said: its status, if any, and in a word or two what was wrong; empty: it was received."""

    status: int | None
    fault: str = ""


@transaction.atomic(durable=True)
def take(*, at: datetime) -> Owed | None:
    """What has been due for longest, now this worker's for a while; None where nothing is due."""
    due = Webhook.objects.due(at=at).select_for_update(skip_locked=True, no_key=True, of=("self",))
    webhook = due.first()
    if webhook is None:
        return None
    # Only now, with the row locked, its cursor is sure.
    waiting = Notification.objects.filter(pipeline=webhook.pipeline_id, serial__gt=webhook.delivered, outcome=None)
    word = waiting.order_by("serial").first()
    if word is None:  # answered a moment ago
        return None
    webhook.attempts += 1
    webhook.next_at, webhook.tried_at = at + LEASE, at
    webhook.save(update_fields=["attempts", "next_at", "tried_at"])
    secrets = tuple(webhook.secrets.in_force(at=at).values_list("id", flat=True))
    return Owed(webhook.id, webhook.url, word.id, word.created_at, word.serial, webhook.attempts, secrets)


@transaction.atomic(durable=True)
def settle(owed: Owed, answered: Answered, *, chance: float, at: datetime) -> bool:
    """False where the lease was over and somebody else has taken it since, or it was resumed: their answer counts."""
    held = Webhook.objects.select_for_update(no_key=True).filter(
        id=owed.webhook, attempts=owed.attempt, delivered__lt=owed.serial
    )
    webhook = held.first()
    if webhook is None:
        return False
    webhook.status, webhook.fault = answered.status, answered.fault
    if answered.fault:
        _failed(webhook, chance=chance, at=at)
    else:
        webhook.delivered, webhook.attempts, webhook.next_at, webhook.heard_at = owed.serial, 0, at, at
    changed = ["status", "fault", "delivered", "attempts", "next_at", "heard_at", "stopped", "stopped_at"]
    webhook.save(update_fields=changed)
    return True


def _failed(webhook: Webhook, *, chance: float, at: datetime) -> None:
    pause = gap(webhook.attempts, chance=chance)
    if webhook.stopped_at is not None:  # an operator was faster
        return
    if webhook.status == HTTPStatus.GONE or pause is None:
        webhook.stopped, webhook.stopped_at = ("silent" if pause is None else "gone"), at
    else:
        webhook.next_at = at + pause
