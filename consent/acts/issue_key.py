"""Issue a key: a pipeline may have several, so that one takes the place of another without a gap."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from consent.models import Pipeline, PipelineKey
from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.rules.items import Item
from registry.rules.labels import label_for

LIFETIME: Final = timedelta(days=365)


@dataclass(frozen=True)
class Issued:
    """A key that opens something from now on: its pipeline and label, and when it ends."""

    pipeline: UUID
    label: str
    expires_at: datetime
    recorded: Recorded


@transaction.atomic(durable=True)
def issue_key(named: str, *, secret: str, at: datetime, label: str = "") -> Issued:
    """For a pipeline by name or number. Its other keys stay as they are: revoke the old one once the new one is used.

    Without a label it is `key-1`, or the next that is free. Raises NotFound, LabelInvalid, LabelTaken.
    """
    pipeline = Pipeline.objects.select_for_update(no_key=True).named(named)
    key = kept_key(pipeline, secret=secret, label=label, at=at)
    act = Act.begin(Kind.KEY_ISSUED, at=at)
    item = Item("key_issued", particulars={"pipeline": str(pipeline.id), "label": key.label})
    return Issued(pipeline.id, key.label, key.expires_at, record(act, [item]))


def kept_key(pipeline: Pipeline, *, secret: str, label: str, at: datetime) -> PipelineKey:
    """The row of a new key, within an act: its SHA-256, never the key."""
    held = PipelineKey.objects.filter(pipeline=pipeline, revoked_at=None)
    key = PipelineKey(
        pipeline=pipeline,
        label=label_for(label, taken=set(held.values_list("label", flat=True)), noun="key"),
        digest=hashlib.sha256(secret.encode()).digest(),
        issued_at=at,
        expires_at=at + LIFETIME,
    )
    key.save(force_insert=True)
    return key
