"""Pipelines: whose key this is, and how far each has come."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consent.models import Pipeline


@dataclass(frozen=True)
class Asker:
    """An authenticated pipeline and what its key opens."""

    serial: int
    id: UUID
    name: str
    collection: UUID
    purposes: tuple[str, ...]
    audience: str


def pipeline_of_key(key: str, *, at: datetime) -> Asker | None:
    """The pipeline whose key this is; None when unknown or ended."""
    digest = hashlib.sha256(key.encode()).digest()
    found = Pipeline.objects.filter(key_digest=digest, expires_at__gt=at).first()
    if found is None:
        return None
    return Asker(found.serial, found.id, found.name, found.collection_id, tuple(found.purposes), found.audience)


@dataclass(frozen=True)
class Reach:
    """How far word of an act has spread: `synced` of `pipelines` have passed it."""

    synced: int
    pipelines: int


def reach(collection: UUID, *, index: int, at: datetime) -> Reach:
    """Of the collection's pipelines whose keys are in force, how many have synced past this entry."""
    pipelines = Pipeline.objects.filter(collection=collection, expires_at__gt=at)
    return Reach(pipelines.filter(synced_size__gt=index).count(), pipelines.count())
