"""Enrol a pipeline: a machine that may ask, for these purposes and this audience."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from consent.acts.issue_key import kept_key
from consent.errors import NameTaken
from consent.models import Pipeline
from consent.rules.purposes import in_order
from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.models import Collection
from registry.rules.items import Item


@dataclass(frozen=True)
class Access:
    """What its keys open. The collection may be left out where there is only one."""

    name: str
    purposes: tuple[str, ...]
    audience: str
    collection: UUID | None = None


@transaction.atomic(durable=True)
def enrol_pipeline(access: Access, *, secret: str, at: datetime, label: str = "") -> tuple[UUID, Recorded]:
    """Enrol it with its first key.

    Raises ScopeNotOffered for an unknown purpose, NameTaken, LabelInvalid.
    """
    act = Act.begin(Kind.PIPELINE_ENROLLED, at=at)
    pipeline = Pipeline(
        name=access.name,
        collection_id=Collection.objects.only_one(access.collection),
        purposes=in_order(access.purposes),
        audience=access.audience,
        enrolled_at=at,
    )
    try:
        pipeline.save(force_insert=True)
    except IntegrityError as error:  # of two that race for a name, too, the second comes here
        raise NameTaken(
            f"There is a pipeline {access.name[:80]!r}. Give it another key with `manage.py pipeline key add`, "
            "revoke the old one once the new one is used, or choose another name."
        ) from error
    key = kept_key(pipeline, secret=secret, label=label, at=at)
    said = {"pipeline": str(pipeline.id), "label": key.label}
    return pipeline.id, record(act, [Item("pipeline_enrolled", particulars=said)])
