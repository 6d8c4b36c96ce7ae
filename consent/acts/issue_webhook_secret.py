"""Issue a webhook's secret: deliveries are signed with it and with those before it, until their overlap is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from consent.models import Webhook, WebhookSecret
from consentkit.entries import Kind
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.rules.items import Item
from registry.rules.labels import label_for

OVERLAP: Final = timedelta(days=7)


@dataclass(frozen=True)
class Issued:
    """The number that the new secret follows from, its label, and when the ones before it end."""

    secret: UUID
    label: str
    others_end_at: datetime
    recorded: Recorded


@transaction.atomic(durable=True)
def issue_webhook_secret(number: UUID, *, at: datetime, label: str = "", overlap: timedelta = OVERLAP) -> Issued:
    """Raises NotFound, LabelInvalid, LabelTaken."""
    webhook = Webhook.objects.select_for_update(no_key=True).filter(id=number).first()
    if webhook is None:
        raise NotFound("There is no such webhook. `manage.py webhook list` shows them.")
    held = WebhookSecret.objects.filter(webhook=webhook, revoked_at=None)
    label = label_for(label, taken=set(held.values_list("label", flat=True)), noun="secret")
    act = Act.begin(Kind.WEBHOOK_SECRET_ISSUED, at=at)
    ends_at = at + overlap
    WebhookSecret.objects.in_force(at=ends_at).filter(webhook=webhook).update(ends_at=ends_at)
    fresh = WebhookSecret(webhook=webhook, label=label, issued_at=at)
    fresh.save(force_insert=True)
    said = record(act, [Item("webhook_secret_issued", particulars={"webhook": str(number), "label": label})])
    return Issued(fresh.id, label, ends_at, said)
