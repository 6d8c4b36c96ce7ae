"""Search a case: a worker looked for copies of the asker's picture, and holds what it found."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from consent.acts.reaching import hold, one_at_a_time
from consent.errors import CaseClosed
from consent.models import Case, CaseImage
from consent.rules.lifecycle import CaseState, Search
from consent.rules.likeness import Likeness, first_of_each
from consentkit.entries import Kind
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.models import Image
from registry.rules.items import Item


@transaction.atomic(durable=True)
def search_case(case: UUID, *, found: Sequence[Likeness] | None, at: datetime) -> Recorded | None:
    """Restrict what was found within the claimant's allowance, and note the rest. `found` None: it was no picture.

    None when it was searched before (a message delivered twice). Raises NotFound, and CaseClosed once it is decided.
    """
    known = Case.objects.filter(id=case).first()
    if known is None:
        raise NotFound("There is no such case.")
    one_at_a_time(known.claimant)
    measured = first_of_each(found or ())
    locked = Case.objects.select_for_update(no_key=True).get(id=case)  # before the images, as a steward's decision does
    if locked.state != CaseState.ACKNOWLEDGED:
        raise CaseClosed("This case was already decided.")
    if locked.search != Search.WAITING:
        return None
    Image.objects.lock_closure(measured)
    act = Act.begin(Kind.CASE_SEARCHED, at=at)
    locked.search = Search.UNREADABLE if found is None else Search.DONE
    locked.save(update_fields=["search"])
    listed = _measure_listed(locked, measured)
    news = [image for image in measured if image not in listed]
    held = hold(locked, news, measured=measured, at=at)
    said = {"case": str(case), "search": locked.search}
    return record(act, [Item("case_searched", particulars=said), *held])


def _measure_listed(case: Case, measured: dict[UUID, Likeness]) -> set[UUID]:
    """What the case hit exactly before is held already, and now measured too."""
    listed = list(CaseImage.objects.filter(case=case, image__in=measured))
    for each in listed:
        of = measured[each.image_id]
        each.distance, each.alteration, each.likeness = of.distance, of.alteration, of.likeness
    CaseImage.objects.bulk_update(listed, ["distance", "alteration", "likeness"])
    return {each.image_id for each in listed}
