"""Reopen a case: a steward takes a decision back, and the case is decided anew (law 10)."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.acts.resolve_case import lock_bytes
from consent.models import Case, CaseImage
from consent.rules.lifecycle import CaseMove, CaseState, Hold, case_after, hold_after
from consentkit.entries import Kind
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.models import Image
from registry.rules.items import Item


@transaction.atomic(durable=True)
def reopen_case(case: UUID, *, ground: str, steward: UUID, at: datetime) -> Recorded:
    """Its images are restricted again, also those with its bytes that came while it was rejected; its day is as before.

    What was revoked is so freed by rejecting it, and its person may grant it again: their old grant has ended.
    Raises NotFound, and MoveRefused for a case that is open.
    """
    locked = Case.objects.select_for_update(no_key=True).filter(id=case).first()
    if locked is None:
        raise NotFound("There is no such case.")
    locked.state = case_after(CaseState(locked.state), CaseMove.REOPEN)
    lock_bytes([locked])
    fresh = _fresh(locked)
    listed = list(CaseImage.objects.filter(case=case).values_list("image", flat=True))
    Image.objects.lock_closure([*listed, *fresh])
    act = Act.begin(Kind.CASE_REOPENED, at=at)
    locked.resolved_at, locked.ground = None, ""
    locked.save(update_fields=["state", "resolved_at", "ground"])
    held = CaseImage.objects.bulk_create([CaseImage(case=locked, image_id=image, held_at=at) for image in fresh])
    said = {"case": str(case), "ground": ground, "steward": str(steward)}
    touched = [*_restricted_again(locked), *(each.image_id for each in held)]
    items = [Item(Hold.RESTRICTED, image=image, particulars={"case": str(case)}) for image in touched]
    return record(act, [Item("case_reopened", particulars=said), *items])


def _fresh(case: Case) -> list[UUID]:
    """With the bytes that the case is about, and not listed."""
    if case.sha256 is None:
        return []
    images = Image.objects.filter(sha256=case.sha256).exclude(case_images__case=case).order_by("id")
    return list(images.values_list("id", flat=True))


def _restricted_again(case: Case) -> list[UUID]:
    changed = []
    for held in CaseImage.objects.filter(case=case).exclude(hold=Hold.RESTRICTED).order_by("image"):
        after = hold_after(Hold(held.hold), CaseMove.REOPEN, same=True)
        if after != held.hold:
            held.hold = after
            held.save(update_fields=["hold"])
            changed.append(held.image_id)
    return changed
