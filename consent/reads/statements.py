"""What people state about one picture, and where they differ. For stewards only: nobody else learns of another."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from consent.models import GrantLine
from consent.rules.lifecycle import GrantState
from registry.models import Bringing, Depiction
from registry.models.bulk import ask

# Pictures of two or more, of whom somebody has not granted anything, and no case was opened since the last one came.
DIFFERING: Final = """
    SELECT image_id FROM registry_bringing bringing WHERE NOT dismissed GROUP BY image_id
    HAVING count(*) > 1
        AND bool_or(NOT EXISTS (
            SELECT FROM consent_grantline line JOIN consent_grant given ON given.serial = line.grant_id
            WHERE line.image_id = bringing.image_id AND given.person_id = bringing.person_id AND line.state = %(given)s
        ))
        AND NOT EXISTS (
            SELECT FROM consent_case WHERE kind = 'statements' AND asked = bringing.image_id::text
                AND opened_at >= max(bringing.brought_at)
        )
    ORDER BY min(brought_at) LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Stated:
    """One person's statement: since when, who is shown by it (`self`, `invited`, `unknown`; nobody: empty), and whether
    they allow any use."""

    person: UUID
    since: datetime
    subjects: tuple[str, ...]
    grants: bool
    dismissed: bool


def differing(limit: int) -> list[UUID]:
    """Pictures that a steward has yet to look at."""
    (rows,) = ask(DIFFERING, {"given": GrantState.GIVEN, "limit": limit})
    return [image for (image,) in rows]


def statements(image: UUID) -> list[Stated]:
    """All about one picture, the oldest first."""
    granting = set(
        GrantLine.objects.filter(image=image, state=GrantState.GIVEN).values_list("grant__person", flat=True)
    )
    return [
        Stated(each.person_id, each.brought_at, _subjects(each), each.person_id in granting, each.dismissed)
        for each in Bringing.objects.filter(image=image).order_by("brought_at", "id")
    ]


def _subjects(bringing: Bringing) -> tuple[str, ...]:
    rows = Depiction.objects.filter(bringing=bringing).order_by("id").values_list("person", "address")
    return tuple("self" if person else "invited" if address else "unknown" for person, address in rows)
