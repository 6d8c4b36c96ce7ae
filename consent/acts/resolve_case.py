"""Resolve a case: a steward accepts, and the images are revoked, or rejects, and the restriction is lifted."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.errors import CaseClosed, CaseGrew
from consent.models import Case, CaseImage, GrantLine
from consent.rules.lifecycle import (
    CaseMove,
    CaseState,
    GrantMove,
    GrantState,
    Hold,
    case_after,
    grant_after,
    hold_after,
)
from consentkit.entries import Kind
from registry.errors import MoveRefused, NotFound
from registry.log.readiness import refuse_in_doubt
from registry.log.recorder import Act, Recorded, record
from registry.models import Image
from registry.rules.items import Item


@transaction.atomic(durable=True)
def resolve_case(
    case: UUID,
    *,
    move: CaseMove,
    ground: str,
    steward: UUID,
    at: datetime,
    seen: frozenset[UUID],
    same: frozenset[UUID] | None = None,
) -> Recorded:
    """The steward's reason stands in the log's item. `seen`: the images that they looked at: nothing that a search
    adds meanwhile is let go unseen. `same`: of these, those that show the same picture (None: all); an accepted
    case revokes them, and lets the others go. Nothing is let go while the log is in doubt.

    Raises LogInDoubt; NotFound, for the case or an image that it does not list, CaseClosed for a case already decided,
    and CaseGrew where it lists more than was seen.
    """
    locked = Case.objects.select_for_update().filter(id=case).first()  # first: a search must not add images meanwhile
    if locked is None:
        raise NotFound("There is no such case.")
    images = _listed(locked, same)
    if move is not CaseMove.ACCEPT or (same is not None and not same.issuperset(images)):
        refuse_in_doubt(at)
    Image.objects.lock_closure(images)
    act = Act.begin(Kind.CASE_RESOLVED, at=at)
    _close(locked, move, ground, at)
    if not seen.issuperset(images):
        raise CaseGrew("More copies were found meanwhile. Look at them too.")
    changed = _let_go(locked, move, same)
    _revoke_lines(image for image, hold in changed.items() if hold is Hold.REVOKED)
    said = {"case": str(case), "ground": ground, "outcome": locked.state, "steward": str(steward)}
    touched = [Item(hold.value, image=image, particulars={"case": str(case)}) for image, hold in changed.items()]
    return record(act, [Item("case_resolved", particulars=said), *touched])


def _listed(case: Case, same: frozenset[UUID] | None) -> list[UUID]:
    images = list(CaseImage.objects.filter(case=case).order_by("image").values_list("image", flat=True))
    if same is not None and not same <= set(images):
        raise NotFound("At least one of these pictures is not in this case.")
    return images


def _close(case: Case, move: CaseMove, ground: str, at: datetime) -> None:
    try:
        case.state = case_after(CaseState(case.state), move)
    except MoveRefused:  # another steward was first
        raise CaseClosed("This case was already decided.") from None
    case.ground, case.resolved_at = ground, at
    case.save(update_fields=["state", "ground", "resolved_at"])


def _let_go(case: Case, move: CaseMove, same: frozenset[UUID] | None) -> dict[UUID, Hold]:
    """By image, the hold that it has now, where that changed."""
    changed = {}
    for held in CaseImage.objects.filter(case=case).order_by("image"):
        before = Hold(held.hold)
        after = hold_after(before, move, same=same is None or held.image_id in same)
        if after is not before:
            changed[held.image_id] = held.hold = after
            held.save(update_fields=["hold"])
    return changed


def _revoke_lines(images: Iterable[UUID]) -> None:
    given = GrantLine.objects.filter(image__in=list(images), state=GrantState.GIVEN)
    given.update(state=grant_after(GrantState.GIVEN, GrantMove.REVOKE))
