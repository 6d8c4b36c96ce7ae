"""Stop a webhook, or go on with it where it stopped. No consent changes; the log has no entry."""

from datetime import datetime
from uuid import UUID

from consent.models import Webhook
from registry.errors import NotFound


def stop_webhook(number: UUID, *, at: datetime) -> None:
    """Nothing more is sent; stopped before, it stays as it was. Raises NotFound."""
    Webhook.objects.filter(id=number, stopped_at=None).update(stopped="operator", stopped_at=at)
    _refuse_unknown(number)


def resume_webhook(number: UUID, *, at: datetime) -> None:
    """It is tried again at once, from the first notification that it has not received. Raises NotFound."""
    Webhook.objects.filter(id=number).update(stopped="", stopped_at=None, attempts=0, next_at=at)
    _refuse_unknown(number)


def _refuse_unknown(number: UUID) -> None:
    if not Webhook.objects.filter(id=number).exists():
        raise NotFound("There is no such webhook. `manage.py webhook list` shows them.")
