"""Cases as a steward sees them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consent.models import Case, CaseImage
from consent.rules.lifecycle import CaseState
from registry.errors import NotFound


@dataclass(frozen=True)
class Held:
    """One image of a case and what the case does to it."""

    image: UUID
    hold: str


@dataclass(frozen=True)
class Docket:
    """One case. `contact` is how to answer; for a dispute it is the claimant's pseudonym."""

    id: UUID
    reference: str
    kind: str
    state: str
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


def _docket(found: Case) -> Docket:
    held = CaseImage.objects.filter(case=found).order_by("image").values_list("image", "hold")
    return Docket(
        id=found.id,
        reference=found.reference,
        kind=found.kind,
        state=found.state,
        contact=found.contact,
        asked=found.asked,
        opened_at=found.opened_at,
        due_at=found.due_at,
        resolved_at=found.resolved_at,
        ground=found.ground,
        images=tuple(Held(image, hold) for image, hold in held),
    )
