"""Revoke a key: from its commit on it opens nothing. What its pipeline was told stays the pipeline's."""

from datetime import datetime

from django.db import transaction

from consent.models import Pipeline, PipelineKey
from consentkit.entries import Kind
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.rules.items import Item


@transaction.atomic(durable=True)
def revoke_key(named: str, *, label: str, at: datetime) -> Recorded:
    """Of a pipeline by name or number. Raises NotFound, also where it was revoked before."""
    pipeline = Pipeline.objects.select_for_update(no_key=True).named(named)
    key = PipelineKey.objects.filter(pipeline=pipeline, label=label, revoked_at=None).first()
    if key is None:
        raise NotFound(f"{pipeline.name} has no key {label[:80]!r}. `manage.py pipeline key list` shows them.")
    act = Act.begin(Kind.KEY_REVOKED, at=at)
    key.revoked_at = at
    key.save(update_fields=["revoked_at"])
    item = Item("key_revoked", particulars={"pipeline": str(pipeline.id), "label": label})
    return record(act, [item])
