"""Lodge a request: keep what somebody asks until they have shown that the address is theirs. The log has no entry.

Nothing is looked up, searched or restricted here: until the request counts, a hit and a miss are the same.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from consent.acts.open_case import ALPHABET, Matter
from consent.models import Request
from consent.rules.codes import digest

LENGTH: Final = 8  # characters, 40 bits; of which `consent.models.requests.GUESSES` may be tried


@dataclass(frozen=True)
class Lodged:
    """The request, and the code that goes to its address and to nobody else; it is not kept."""

    request: UUID
    reference: str
    code: str


@transaction.atomic(durable=True)
def lodge(matter: Matter, *, contact: str, at: datetime) -> Lodged:
    """It ends by itself if nobody enters its code."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    Request(
        id=matter.case,
        reference=matter.reference,
        contact=contact,
        asked=matter.asked,
        sha256=matter.sha256,
        image=matter.image,
        search=matter.search,
        code=digest(matter.case, code),
        asked_at=at,
    ).save(force_insert=True)
    return Lodged(matter.case, matter.reference, code)
