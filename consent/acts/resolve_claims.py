"""Resolve claims: all open cases of one claimant in one act. Abuse is met with undo, not with small quotas."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.acts.resolve_case import Ruling, close, lock_bytes
from consent.errors import CaseClosed, CaseGrew
from consent.models import Case, CaseImage
from consent.rules.lifecycle import CaseMove, CaseState, Search
from consentkit.entries import Kind
from registry.log.readiness import refuse_in_doubt
from registry.log.recorder import Act, Recorded, record
from registry.models import Image


@transaction.atomic(durable=True)
def resolve_claims(cases: frozenset[UUID], *, images: int, ruling: Ruling, at: datetime) -> Recorded:
    """`cases`: those that the steward's page counted, and `images` how many they list together.

    What was decided meanwhile stays as it is. Accepted is nothing whose copies are still looked for; a rejected case
    is not searched any more. Raises CaseClosed where none is left, LogInDoubt, and CaseGrew where they list more.
    """
    opened = (
        Case.objects.select_for_update(no_key=True).filter(id__in=cases, state=CaseState.ACKNOWLEDGED).order_by("id")
    )
    locked = [case for case in opened if ruling.move is CaseMove.REJECT or case.search != Search.WAITING]
    if not locked:
        raise CaseClosed("These cases were already decided.")
    if ruling.move is CaseMove.REJECT:  # it lets go
        refuse_in_doubt(at)
    lock_bytes(locked)
    listed = list(CaseImage.objects.filter(case__in=locked).values_list("image", flat=True))
    if len(listed) > images:
        raise CaseGrew("More copies were found meanwhile. Look at the numbers again.")
    Image.objects.lock_closure(set(listed))
    act = Act.begin(Kind.CASE_RESOLVED, at=at)
    return record(act, [item for case in locked for item in close(case, ruling, at)])
