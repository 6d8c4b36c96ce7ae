"""Resolve a case: a steward accepts, and the images are revoked, or rejects, and the restriction is lifted."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.errors import CaseClosed
from consent.models import Case, CaseImage, GrantLine
from consent.rules.lifecycle import CaseMove, CaseState, GrantMove, GrantState, Hold, case_after, grant_after
from consentkit.entries import Kind
from registry.errors import MoveRefused, NotFound
from registry.log.recorder import Act, Recorded, record
from registry.models import Image
from registry.rules.items import Item

HOLD_AFTER = {CaseMove.ACCEPT: Hold.REVOKED, CaseMove.REJECT: Hold.LIFTED}


@transaction.atomic(durable=True)
def resolve_case(case: UUID, *, move: CaseMove, ground: str, steward: UUID, at: datetime) -> Recorded:
    """The steward's reason stands in the log's item. Raises NotFound, and CaseClosed for a case already decided."""
    found = Case.objects.filter(id=case).first()
    if found is None:
        raise NotFound("There is no such case.")
    images = list(found.images.filter(hold=Hold.RESTRICTED).order_by("image").values_list("image", flat=True))
    Image.objects.lock_closure(images)
    locked = Case.objects.select_for_update().get(id=case)
    act = Act.begin(Kind.CASE_RESOLVED, at=at)
    _close(locked, move, ground, at)
    hold = HOLD_AFTER[move]
    CaseImage.objects.filter(case=case, image__in=images).update(hold=hold)
    if hold is Hold.REVOKED:
        _revoke_lines(images)
    said = {"case": str(case), "ground": ground, "outcome": locked.state, "steward": str(steward)}
    touched = [Item(hold.value, image=image, particulars={"case": str(case)}) for image in images]
    return record(act, [Item("case_resolved", particulars=said), *touched])


def _close(case: Case, move: CaseMove, ground: str, at: datetime) -> None:
    try:
        case.state = case_after(CaseState(case.state), move)
    except MoveRefused:  # another steward was first
        raise CaseClosed("This case was already decided.") from None
    case.ground, case.resolved_at = ground, at
    case.save(update_fields=["state", "ground", "resolved_at"])


def _revoke_lines(images: list[UUID]) -> None:
    given = GrantLine.objects.filter(image__in=images, state=GrantState.GIVEN)
    given.update(state=grant_after(GrantState.GIVEN, GrantMove.REVOKE))
