"""Enrol a webhook: where a pipeline is told that a notification waits. Its address stays out of the log."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.errors import EndpointRefused
from consent.models import Pipeline, Webhook, WebhookSecret
from consent.rules.endpoints import Reach, Refused, endpoint
from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.rules.items import Item


@dataclass(frozen=True)
class Enrolled:
    """An endpoint, and the number that its first secret follows from."""

    webhook: UUID
    secret: UUID


@transaction.atomic(durable=True)
def enrol_webhook(pipeline: str, *, url: str, reach: Reach, at: datetime) -> tuple[Enrolled, Recorded]:
    """For a pipeline by number or name. It hears first of all that waits for an answer already.

    Raises NotFound, EndpointRefused.
    """
    try:
        checked = endpoint(url, reach=reach)
    except Refused as refused:
        raise EndpointRefused(str(refused)) from refused
    act = Act.begin(Kind.WEBHOOK_ENROLLED, at=at)
    of = Pipeline.objects.named(pipeline)
    webhook = Webhook(pipeline=of, url=checked.url, enrolled_at=at, next_at=at)
    webhook.save(force_insert=True)
    first = WebhookSecret(webhook=webhook, label="secret-1", issued_at=at)
    first.save(force_insert=True)
    said = {"pipeline": str(of.id), "webhook": str(webhook.id), "label": first.label}
    return Enrolled(webhook.id, first.id), record(act, [Item("webhook_enrolled", particulars=said)])
