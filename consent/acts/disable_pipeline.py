"""Disable a pipeline: none of its keys opens anything, and its webhooks are sent nothing, until it is enabled again."""

from datetime import datetime

from django.db import transaction

from consent.models import Pipeline
from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.rules.items import Item


@transaction.atomic(durable=True)
def disable_pipeline(named: str, *, at: datetime) -> Recorded | None:
    """By name or number; None where it was disabled before. What it used goes on being looked at. Raises NotFound."""
    return _switched(named, Kind.PIPELINE_DISABLED, disabled_at=at, at=at)


@transaction.atomic(durable=True)
def enable_pipeline(named: str, *, at: datetime) -> Recorded | None:
    """The keys that are still in force open again what they did; None where it was not disabled. Raises NotFound."""
    return _switched(named, Kind.PIPELINE_ENABLED, disabled_at=None, at=at)


def _switched(named: str, kind: Kind, *, disabled_at: datetime | None, at: datetime) -> Recorded | None:
    pipeline = Pipeline.objects.select_for_update(no_key=True).named(named)
    if (pipeline.disabled_at is None) is (disabled_at is None):
        return None
    act = Act.begin(kind, at=at)
    pipeline.disabled_at = disabled_at
    pipeline.save(update_fields=["disabled_at"])
    return record(act, [Item(kind.value, particulars={"pipeline": str(pipeline.id)})])
