"""Judge: a steward, who has heard both, says which statements about a picture are false."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.errors import CaseClosed
from consent.models import Case, GrantLine, WithdrawalLine
from consent.rules.lifecycle import CaseMove, CaseState, GrantMove, GrantState, case_after, grant_after
from consentkit.entries import Kind
from registry.errors import MoveRefused, NotFound
from registry.log.readiness import refuse_in_doubt
from registry.log.recorder import Act, Recorded, record
from registry.models import Bringing, Depiction, Derivation, Image, Person
from registry.rules.items import Item


@transaction.atomic(durable=True)
def judge(case: UUID, *, false: frozenset[UUID], ground: str, steward: UUID, at: datetime) -> Recorded:
    """`false`: the people whose statements are false; what each said, granted and withdrew of this picture ends.

    None false: the picture stays excluded until all have granted. Raises NotFound, for the case or a person who brought
    no such picture, CaseClosed, and LogInDoubt: a statement that ends may free a picture.
    """
    if false:
        refuse_in_doubt(at)
    list(Person.objects.filter(id__in=false).order_by("id").select_for_update(no_key=True))
    locked = Case.objects.select_for_update(no_key=True).filter(id=case, kind="statements").first()
    if locked is None:
        raise NotFound("There is no such case.")
    image = UUID(locked.asked)
    Image.objects.lock_closure([image])
    bringings = list(Bringing.objects.filter(image=image, person__in=false, dismissed=False).order_by("person"))
    if len(bringings) != len(false):
        raise NotFound("At least one of these people has not brought this picture.")
    act = Act.begin(Kind.CASE_RESOLVED, at=at)
    _close(locked, CaseMove.ACCEPT if false else CaseMove.REJECT, ground, at)
    for bringing in bringings:
        _dismiss(bringing)
    particulars = {"case": str(case), "ground": ground, "outcome": locked.state, "steward": str(steward)}
    dismissed = [
        Item("dismissed", image=image, person=each.person_id, particulars={"case": str(case)}) for each in bringings
    ]
    return record(act, [Item("case_resolved", particulars=particulars), *dismissed])


def _close(case: Case, move: CaseMove, ground: str, at: datetime) -> None:
    try:
        case.state = case_after(CaseState(case.state), move)
    except MoveRefused:  # another steward was first
        raise CaseClosed("This case was already decided.") from None
    case.ground, case.resolved_at = ground, at
    case.save(update_fields=["state", "ground", "resolved_at"])


def _dismiss(bringing: Bringing) -> None:
    """The picture is theirs no longer: a later withdrawal of it is refused, so that none is acknowledged in vain."""
    bringing.dismissed = True
    bringing.save(update_fields=["dismissed"])
    Depiction.objects.filter(bringing=bringing).delete()
    Derivation.objects.filter(bringing=bringing).delete()
    theirs = {"image": bringing.image_id}
    WithdrawalLine.objects.filter(withdrawal__person=bringing.person_id, **theirs).update(in_force=0)
    given = GrantLine.objects.filter(grant__person=bringing.person_id, state=GrantState.GIVEN, **theirs)
    given.update(state=grant_after(GrantState.GIVEN, GrantMove.REVOKE))
