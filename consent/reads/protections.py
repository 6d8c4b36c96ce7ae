"""The work that protected images make: their state is the queue."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection

from consent.models import Protection, WithdrawalLine
from consent.rules.reasons import FINAL
from consentkit.fingerprints.views import VERSION
from registry.models import Bringing

UNSEARCHED: Final = """
    SELECT image_id, serial FROM consent_protection JOIN consent_standing USING (image_id)
    WHERE version = %(version)s AND searched_at IS NULL AND serial IS NOT NULL
        AND reason && %(final)s::smallint[]
    ORDER BY serial LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Unsearched:
    """An image whose copies nobody has looked for since it was protected at `serial`."""

    image: UUID
    serial: int


def waiting(limit: int) -> list[UUID]:
    """Images without views of the version that we make, the oldest first."""
    found = Protection.objects.all().waiting().filter(version=VERSION).order_by("id")
    return list(found.values_list("image", flat=True)[:limit])


def unsearched(limit: int) -> list[Unsearched]:
    """Images that somebody withdrew or the registry revoked, oldest first. What is only restricted waits: a suspicion
    does not spread to copies by itself."""
    with connection.cursor() as cursor:
        cursor.execute(UNSEARCHED, {"version": VERSION, "final": [int(reason) for reason in FINAL], "limit": limit})
        return [Unsearched(image, serial) for image, serial in cursor.fetchall()]


def views(image: UUID) -> bytes | None:
    """The protected views of an image, as they are kept; None while it waits for them."""
    kept = Protection.objects.filter(image=image, version=VERSION).values_list("views", flat=True).first()
    return bytes(kept) if kept is not None else None


def claimant_of(image: UUID) -> UUID:
    """In whose name copies of an image are looked for: who stopped it, else who brought it; the first of them."""
    bringings = Bringing.objects.filter(image=image, dismissed=False).order_by("brought_at", "id")
    people = list(bringings.values_list("person", flat=True))
    stopped = WithdrawalLine.objects.filter(image=image, in_force__gt=0)
    stoppers = set(stopped.values_list("withdrawal__person", flat=True))
    return next((person for person in people if person in stoppers), people[0])
