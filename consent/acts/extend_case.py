"""Extend a case: an upload looks like the picture that the open case is about, and is held with the others."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.errors import CaseClosed
from consent.models import Case, CaseImage
from consent.rules.lifecycle import CaseState, Hold
from consent.rules.likeness import Likeness
from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.models import Image
from registry.rules.items import Item


@transaction.atomic(durable=True)
def extend_case(case: UUID, *, likeness: Likeness, at: datetime) -> Recorded | None:
    """Restrict the upload before it is registered, so that it needs no allowance. None where the case lists it.

    Raises CaseClosed: it was decided meanwhile, and whoever compared looks again.
    """
    locked = Case.objects.select_for_update(no_key=True).get(id=case)  # before the image, as a steward's decision does
    if locked.state != CaseState.ACKNOWLEDGED:
        raise CaseClosed("This case was already decided.")
    if CaseImage.objects.filter(case=case, image=likeness.image).exists():
        return None
    Image.objects.lock_closure([likeness.image])
    act = Act.begin(Kind.CASE_EXTENDED, at=at)
    CaseImage(
        case=locked,
        image_id=likeness.image,
        hold=Hold.RESTRICTED,
        held_at=at,
        distance=likeness.distance,
        alteration=likeness.alteration,
        likeness=likeness.likeness,
    ).save(force_insert=True)
    said = {"case": str(case)}
    held = Item(Hold.RESTRICTED, image=likeness.image, particulars=said)
    return record(act, [Item("case_extended", particulars=said), held])
