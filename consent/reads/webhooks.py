"""Webhooks as an operator and a steward see them, and whether any is owed something."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consent.models import Notification, Webhook, WebhookSecret


@dataclass(frozen=True)
class Endpoint:
    """`waiting`: notifications without an answer that it has not received. `stopped` is empty while it is in use."""

    id: UUID
    pipeline: UUID
    name: str
    url: str
    waiting: int
    attempts: int
    heard_at: datetime | None
    next_at: datetime
    status: int | None
    fault: str
    stopped: str


def webhooks() -> list[Endpoint]:
    """All of them, the oldest first."""
    return [_endpoint(each) for each in Webhook.objects.select_related("pipeline").order_by("serial")]


@dataclass(frozen=True)
class SignedWith:
    """One secret of an endpoint. `ended` is empty while deliveries are signed with it, else `revoked` or `expired`."""

    id: UUID
    label: str
    issued_at: datetime
    ends_at: datetime | None
    ended: str


def secrets_of(webhook: UUID, *, at: datetime) -> list[SignedWith]:
    """The newest first."""
    rows = WebhookSecret.objects.filter(webhook__id=webhook).order_by("-issued_at", "id")
    return [SignedWith(each.id, each.label, each.issued_at, each.ends_at, _ended(each, at)) for each in rows]


def _ended(row: WebhookSecret, at: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.ends_at is not None and row.ends_at <= at else ""


def any_due(*, at: datetime) -> bool:
    """Whether something can be sent now."""
    return Webhook.objects.due(at=at).exists()


def _endpoint(found: Webhook) -> Endpoint:
    waiting = Notification.objects.filter(pipeline=found.pipeline_id, serial__gt=found.delivered, outcome=None)
    return Endpoint(
        id=found.id,
        pipeline=found.pipeline.id,
        name=found.pipeline.name,
        url=found.url,
        waiting=waiting.count(),
        attempts=found.attempts,
        heard_at=found.heard_at,
        next_at=found.next_at,
        status=found.status,
        fault=found.fault,
        stopped=found.stopped,
    )
