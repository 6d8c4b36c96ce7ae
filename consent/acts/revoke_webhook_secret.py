"""Revoke a webhook's secret at once: no delivery taken afterwards is signed with it."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.errors import LastSecret
from consent.models import Webhook, WebhookSecret
from consentkit.entries import Kind
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.rules.items import Item


@transaction.atomic(durable=True)
def revoke_webhook_secret(number: UUID, *, label: str, at: datetime) -> Recorded:
    """Raises NotFound, or LastSecret: nothing goes out unsigned."""
    webhook = Webhook.objects.select_for_update(no_key=True).filter(id=number).first()
    secret = WebhookSecret.objects.filter(webhook=webhook, label=label, revoked_at=None).first()
    if webhook is None or secret is None:
        raise NotFound(f"There is no such secret {label[:80]!r}. `manage.py webhook secret list` shows them.")
    if not WebhookSecret.objects.in_force(at=at).filter(webhook=webhook, ends_at=None).exclude(id=secret.id).exists():
        raise LastSecret("It is the only one that stays: make another with `manage.py webhook secret add` first.")
    act = Act.begin(Kind.WEBHOOK_SECRET_REVOKED, at=at)
    secret.revoked_at = at
    secret.save(update_fields=["revoked_at"])
    return record(act, [Item("webhook_secret_revoked", particulars={"webhook": str(number), "label": label})])
