"""Enrol a pipeline: a machine that may ask, for these purposes and this audience."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from consent.models import Pipeline
from consent.rules.purposes import in_order
from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.models import Collection
from registry.rules.items import Item

LIFETIME = timedelta(days=365)


@dataclass(frozen=True)
class Access:
    """What the key opens. The collection may be left out where there is only one."""

    name: str
    purposes: tuple[str, ...]
    audience: str
    collection: UUID | None = None


@transaction.atomic(durable=True)
def enrol_pipeline(access: Access, *, secret: str, at: datetime) -> tuple[UUID, Recorded]:
    """Keep the key's SHA-256, never the key. Raises ScopeNotOffered for an unknown purpose."""
    act = Act.begin(Kind.PIPELINE_ENROLLED, at=at)
    pipeline = Pipeline(
        name=access.name,
        collection_id=Collection.objects.only_one(access.collection),
        purposes=in_order(access.purposes),
        audience=access.audience,
        key_digest=hashlib.sha256(secret.encode()).digest(),
        enrolled_at=at,
        expires_at=at + LIFETIME,
    )
    pipeline.save(force_insert=True)
    return pipeline.id, record(act, [Item("pipeline_enrolled", particulars={"pipeline": str(pipeline.id)})])
