"""Enrol a webhook: where a pipeline is told that a notification waits. Its address stays out of the log."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.errors import EndpointRefused, NameUnclear
from consent.models import Pipeline, Webhook
from consent.rules.endpoints import Reach, Refused, endpoint
from consentkit.entries import Kind
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.rules.items import Item


@transaction.atomic(durable=True)
def enrol_webhook(pipeline: str, *, url: str, reach: Reach, at: datetime) -> tuple[UUID, Recorded]:
    """For a pipeline by number or name. It hears first of all that waits for an answer already.

    Raises NotFound, NameUnclear, EndpointRefused.
    """
    try:
        checked = endpoint(url, reach=reach)
    except Refused as refused:
        raise EndpointRefused(str(refused)) from refused
    act = Act.begin(Kind.WEBHOOK_ENROLLED, at=at)
    of = _named(pipeline)
    webhook = Webhook(pipeline=of, url=checked.url, enrolled_at=at, next_at=at)
    webhook.save(force_insert=True)
    said = {"pipeline": str(of.id), "webhook": str(webhook.id)}
    return webhook.id, record(act, [Item("webhook_enrolled", particulars=said)])


def _named(said: str) -> Pipeline:
    try:
        found = Pipeline.objects.filter(id=UUID(said))
    except ValueError:  # not a number
        found = Pipeline.objects.filter(name=said)
    match list(found[:2]):
        case [one]:
            return one
        case []:
            raise NotFound(f"There is no pipeline {said[:80]!r}. `manage.py pipeline add` enrols one.")
        case _:
            raise NameUnclear(f"Several pipelines are called {said[:80]!r}: give the number.")
