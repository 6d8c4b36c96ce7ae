"""Resolve a case: a steward accepts, and the images are revoked, or rejects, and the restriction is lifted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.errors import CaseClosed, CaseGrew, CaseNotSearched
from consent.models import Case, CaseImage, GrantLine
from consent.rules.lifecycle import (
    DECISIONS,
    CaseMove,
    CaseState,
    GrantMove,
    GrantState,
    Hold,
    Search,
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


@dataclass(frozen=True)
class Ruling:
    """What a steward decides, and why; the reason stands in the log's item."""

    move: CaseMove
    ground: str
    steward: UUID

    def __post_init__(self) -> None:
        if self.move not in DECISIONS:
            raise ValueError(f"{self.move} decides nothing")


@transaction.atomic(durable=True)
def resolve_case(
    case: UUID,
    *,
    ruling: Ruling,
    at: datetime,
    seen: frozenset[UUID],
    same: frozenset[UUID] | None = None,
) -> Recorded:
    """`seen`: the images that the steward looked at: nothing that is added meanwhile is let go unseen. `same`: of
    these, those that show the same picture (None: all); an accepted case revokes them, and lets the others go. Nothing
    is let go while the log is in doubt.

    Raises LogInDoubt; NotFound, for the case or an image that it does not list, CaseClosed for a case already decided,
    CaseNotSearched while copies are looked for, and CaseGrew where it lists more than was seen.
    """
    locked = (
        Case.objects.select_for_update(no_key=True).filter(id=case).first()
    )  # first: a search must not add images meanwhile
    if locked is None:
        raise NotFound("There is no such case.")
    lock_bytes([locked])  # before the images are read: none is brought meanwhile
    images = _listed(locked, same)
    if ruling.move is not CaseMove.ACCEPT or (same is not None and not same.issuperset(images)):
        refuse_in_doubt(at)
    Image.objects.lock_closure(images)
    act = Act.begin(Kind.CASE_RESOLVED, at=at)
    if locked.state == CaseState.ACKNOWLEDGED and locked.search == Search.WAITING:
        raise CaseNotSearched("We still look for copies. Decide when that is done.")
    _close(locked, ruling, at)
    if not seen.issuperset(images):
        raise CaseGrew("More copies were found meanwhile. Look at them too.")
    return record(act, _decided(locked, ruling, same))


def lock_bytes(cases: Sequence[Case]) -> None:
    """The bytes for which these locked cases watch."""
    Image.objects.lock_bytes(*{bytes(case.sha256) for case in cases if case.sha256 is not None})


def close(case: Case, ruling: Ruling, at: datetime) -> list[Item]:
    """Decide one locked case, with all that it lists; what the log says of it."""
    _close(case, ruling, at)
    return _decided(case, ruling, None)


def _decided(case: Case, ruling: Ruling, same: frozenset[UUID] | None) -> list[Item]:
    changed = _let_go(case, ruling.move, same)
    _revoke_lines(image for image, hold in changed.items() if hold is Hold.REVOKED)
    said = {"case": str(case.id), "ground": ruling.ground, "outcome": case.state, "steward": str(ruling.steward)}
    touched = [Item(hold.value, image=image, particulars={"case": str(case.id)}) for image, hold in changed.items()]
    return [Item("case_resolved", particulars=said), *touched]


def _listed(case: Case, same: frozenset[UUID] | None) -> list[UUID]:
    images = list(CaseImage.objects.filter(case=case).order_by("image").values_list("image", flat=True))
    if same is not None and not same <= set(images):
        raise NotFound("At least one of these pictures is not in this case.")
    return images


def _close(case: Case, ruling: Ruling, at: datetime) -> None:
    try:
        case.state = case_after(CaseState(case.state), ruling.move)
    except MoveRefused:  # another steward was first
        raise CaseClosed("This case was already decided.") from None
    case.ground, case.resolved_at = ruling.ground, at
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
