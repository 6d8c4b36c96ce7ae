"""Hear: two people state different things about one picture, and a steward must look."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.acts.open_case import ANSWER_WITHIN, new_reference
from consent.models import Case
from consent.rules.lifecycle import CaseState
from consentkit.entries import Kind
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.models import Image
from registry.rules.items import Item


@transaction.atomic(durable=True)
def hear(image: UUID, *, at: datetime) -> Recorded | None:
    """Put the case on the desk; None where one is open. Nothing is restricted by it: a statement whose people have not
    granted excludes the picture by itself (law 1). Raises NotFound."""
    Image.objects.lock_closure([image])
    locked = Image.objects.filter(id=image).first()
    if locked is None:
        raise NotFound("There is no such picture.")
    if Case.objects.filter(kind="statements", asked=str(image), state=CaseState.ACKNOWLEDGED).exists():
        return None
    act = Act.begin(Kind.CASE_OPENED, at=at)
    case = Case(
        reference=new_reference(),
        collection_id=locked.collection_id,
        kind="statements",
        asked=str(image),
        opened_at=at,
        due_at=at + ANSWER_WITHIN,
        act=act.id,
    )
    case.save(force_insert=True)
    return record(act, [Item("case_opened", particulars={"case": str(case.id)})])
