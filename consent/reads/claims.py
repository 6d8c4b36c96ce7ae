"""Claims: what claimants have suspended, what waits for their allowance, and when there is too much of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q

from consent.exclusions.allowances import most, reach_left, suspended
from consent.models import Case, CaseImage
from consent.rules.lifecycle import CaseState, Hold
from registry.models import Collection


@dataclass(frozen=True)
class Copies:
    """Of altered copies of somebody's pictures: how many are stopped, and how many wait for the days to come."""

    stopped: int
    waiting: int


@dataclass(frozen=True)
class Alarm:
    """In one day, unconfirmed claimants have suspended so many images of a collection; past `most`, claims wait."""

    collection: str
    suspended: int
    most: int


@dataclass(frozen=True)
class Claims:
    """The open cases of whoever opened one. `proven`: they have shown that the address is theirs."""

    contact: str
    proven: bool
    cases: tuple[UUID, ...]
    searching: int
    images: int
    noted: int


def waiting(limit: int, *, at: datetime) -> list[str]:
    """Claimants of open cases that have only noted something, and whose allowance is not used up."""
    noted = Case.objects.filter(state=CaseState.ACKNOWLEDGED, images__hold=Hold.NOTED).exclude(claimant="")
    claimants = noted.order_by("claimant").values_list("claimant", flat=True).distinct()
    return [claimant for claimant in claimants if reach_left(claimant, at)][:limit]


def copies(person: UUID) -> Copies:
    """Of all that this person has stopped, while no steward has decided."""
    held = CaseImage.objects.filter(case__claimant=str(person), case__state=CaseState.ACKNOWLEDGED)
    stopped = set(held.filter(hold=Hold.RESTRICTED).values_list("image", flat=True))
    noted = set(held.filter(hold=Hold.NOTED).values_list("image", flat=True))
    return Copies(len(stopped), len(noted - stopped))


def alarms(at: datetime) -> list[Alarm]:
    """Collections in which claims wait for a steward, or soon will: from half of the most that is let through."""
    found = []
    for collection in Collection.objects.order_by("name"):
        limit, count = most(collection.id), suspended(collection.id, at)
        if 2 * count >= limit:
            found.append(Alarm(collection.name, count, limit))
    return found


def of_claimant(case: UUID) -> Claims | None:
    """All open cases of whoever opened this one; None where nobody claims anything by it, or none is open."""
    of = Case.objects.filter(id=case).exclude(claimant="").first()
    if of is None:
        return None
    proven = of.claimant != str(of.id)
    theirs = Q(claimant=of.claimant) if proven else Q(contact=of.contact)
    opened = Case.objects.filter(theirs, state=CaseState.ACKNOWLEDGED).exclude(claimant="").order_by("id")
    cases = [each for each in opened if proven or each.claimant == str(each.id)]
    if not cases:
        return None
    counted = _counted([each.id for each in cases])
    searching = sum(each.search == "waiting" for each in cases)
    return Claims(of.contact, proven, tuple(each.id for each in cases), searching, **counted)


def _counted(cases: Iterable[UUID]) -> dict[str, int]:
    listed = CaseImage.objects.filter(case__in=list(cases))
    return listed.aggregate(images=Count("id"), noted=Count("id", filter=Q(hold=Hold.NOTED)))
