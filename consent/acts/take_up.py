"""Take up what a claimant's open cases have only noted: the allowance has renewed, or an image is permitted no more."""

from datetime import datetime

from django.db import transaction

from consent.acts.reaching import one_at_a_time, share
from consent.models import Case, CaseImage
from consent.rules.lifecycle import CaseState, Hold
from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.models import Image
from registry.rules.items import Item


@transaction.atomic(durable=True)
def take_up(claimant: str, *, at: datetime) -> Recorded | None:
    """Restrict the oldest first, the nearest of each case first. None where nothing can be taken up now."""
    one_at_a_time(claimant)
    opened = Case.objects.filter(claimant=claimant, state=CaseState.ACKNOWLEDGED, images__hold=Hold.NOTED)
    cases = list(opened.order_by("id").values_list("id", flat=True).distinct())
    list(Case.objects.select_for_update(no_key=True).filter(id__in=cases).order_by("id"))
    noted = CaseImage.objects.filter(case__in=cases, case__state=CaseState.ACKNOWLEDGED, hold=Hold.NOTED)
    rows = list(noted.order_by("held_at", "case", "distance", "image"))
    images = list(dict.fromkeys(row.image_id for row in rows))
    Image.objects.lock_closure(images)
    shared = share(images, claimant=claimant, exact=(), at=at)
    taken = [row for row in rows if row.image_id in shared.restricted]
    if not taken:
        return None
    act = Act.begin(Kind.CASE_TAKEN_UP, at=at)
    for row in taken:
        row.hold, row.held_at, row.in_use = Hold.RESTRICTED, at, row.image_id in shared.in_use
    CaseImage.objects.bulk_update(taken, ["hold", "held_at", "in_use"])
    return record(
        act, [Item(Hold.RESTRICTED, image=row.image_id, particulars={"case": str(row.case_id)}) for row in taken]
    )
