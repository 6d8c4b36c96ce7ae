"""Cases as a steward sees them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consent.models import Case, CaseImage
from consent.rules.lifecycle import CaseState, Hold, Search
from registry.errors import NotFound


@dataclass(frozen=True)
class Held:
    """One image of a case, what the case does to it, and what it looks like.

    `of`: a protected image, None for the asker's picture. `distance` (bits) and `likeness` (-1 to 1) are None where the
    image was named exactly.
    """

    image: UUID
    hold: str
    of: UUID | None
    distance: int | None
    alteration: str
    likeness: float | None


@dataclass(frozen=True)
class Docket:
    """One case. `contact` is how to answer; for a dispute it is the claimant's pseudonym.

    `search` says how far the asker's picture was looked for (`consent.rules.lifecycle.Search`).
    """

    id: UUID
    reference: str
    kind: str
    state: str
    search: str
    contact: str
    asked: str
    opened_at: datetime
    due_at: datetime
    resolved_at: datetime | None
    ground: str
    images: tuple[Held, ...]

    @property
    def open(self) -> bool:
        return self.state == CaseState.ACKNOWLEDGED


def open_cases() -> list[Docket]:
    """Cases that wait for a steward, the earliest due first."""
    return [_docket(case) for case in Case.objects.filter(state=CaseState.ACKNOWLEDGED).order_by("due_at", "id")]


def closed_cases(*, limit: int) -> list[Docket]:
    """Decided cases, the newest first."""
    closed = Case.objects.exclude(state=CaseState.ACKNOWLEDGED).order_by("-resolved_at", "id")
    return [_docket(case) for case in closed[:limit]]


def case(number: UUID) -> Docket:
    """One case. Raises NotFound."""
    found = Case.objects.filter(id=number).first()
    if found is None:
        raise NotFound("There is no such case.")
    return _docket(found)


def waiting_searches(limit: int) -> list[UUID]:
    """Open cases whose picture a worker has yet to look for, the oldest first."""
    waiting = Case.objects.filter(state=CaseState.ACKNOWLEDGED, search=Search.WAITING).order_by("opened_at")
    return list(waiting.values_list("id", flat=True)[:limit])


def open_case_ids(ids: Iterable[UUID]) -> set[UUID]:
    """Those of these cases that are not decided."""
    found = Case.objects.filter(id__any=ids, state=CaseState.ACKNOWLEDGED)
    return set(found.values_list("id", flat=True))


def let_go(image: UUID) -> set[UUID | None]:
    """The protected images of which a steward has decided that this one is no copy; None: pictures of requests that
    were accepted."""
    said = CaseImage.objects.filter(image=image, hold=Hold.LIFTED).exclude(case__kind="request", of=None)
    return set(said.values_list("of", flat=True))


def _docket(found: Case) -> Docket:
    columns = ("image", "hold", "of", "distance", "alteration", "likeness")
    held = CaseImage.objects.filter(case=found).order_by("image").values_list(*columns)
    return Docket(
        id=found.id,
        reference=found.reference,
        kind=found.kind,
        state=found.state,
        search=found.search,
        contact=found.contact,
        asked=found.asked,
        opened_at=found.opened_at,
        due_at=found.due_at,
        resolved_at=found.resolved_at,
        ground=found.ground,
        images=tuple(Held(*row) for row in held),
    )
