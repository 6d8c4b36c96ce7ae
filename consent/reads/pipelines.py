"""Pipelines: whose key this is, which keys there are, and how far each pipeline has come."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consent.models import Pipeline, PipelineKey
from registry.reads.secrets import Held, held


@dataclass(frozen=True)
class Asker:
    """An authenticated pipeline, what its keys open, and when the one that it sent ends."""

    serial: int
    id: UUID
    name: str
    collection: UUID
    purposes: tuple[str, ...]
    audience: str
    key_expires_at: datetime


def pipeline_of_key(key: str, *, at: datetime) -> Asker | None:
    """The pipeline whose key this is; None when it is unknown, revoked or ended, or the pipeline disabled."""
    sent = PipelineKey.objects.matching(key, at=at).filter(pipeline__disabled_at=None).select_related("pipeline")
    found = sent.first()
    if found is None:
        return None
    of = found.pipeline
    return Asker(of.serial, of.id, of.name, of.collection_id, tuple(of.purposes), of.audience, found.expires_at)


@dataclass(frozen=True)
class Enrolled:
    """A pipeline as an operator sees it. `keys`: in force. `ends_at`: when the last of them ends; null without one."""

    id: UUID
    name: str
    purposes: tuple[str, ...]
    audience: str
    disabled: bool
    keys: int
    ends_at: datetime | None


def pipelines(*, at: datetime) -> list[Enrolled]:
    """All of them, the oldest first."""
    return [_enrolled(each, at) for each in Pipeline.objects.order_by("serial")]


def keys_of(named: str, *, at: datetime) -> list[Held]:
    """The keys of a pipeline by name or number, revoked and expired ones too. Raises NotFound."""
    return held(Pipeline.objects.named(named).keys.all(), at=at)


def _enrolled(of: Pipeline, at: datetime) -> Enrolled:
    ends = list(PipelineKey.objects.filter(pipeline=of).in_force(at=at).values_list("expires_at", flat=True))
    disabled = of.disabled_at is not None
    return Enrolled(of.id, of.name, tuple(of.purposes), of.audience, disabled, len(ends), max(ends, default=None))


@dataclass(frozen=True)
class Reach:
    """How far word of an act has spread: `synced` of `pipelines` have passed it."""

    synced: int
    pipelines: int


def reach(collection: UUID, *, index: int) -> Reach:
    """Of the collection's pipelines, whatever has become of their keys, how many have synced past this entry.

    One that an operator disabled does not count: it can never come again.
    """
    pipelines = Pipeline.objects.filter(collection=collection, disabled_at=None)
    return Reach(pipelines.filter(synced_size__gt=index).count(), pipelines.count())
