"""Prove a request: its code was entered, so it counts from now on, and is counted by its address.

Where no mail can go out nobody could enter a code. There a request counts at once (law 14: missing mail keeps nobody
from stopping), by itself: it spends nothing of its address's allowance. The code may still prove it later.
"""

import hmac
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from consent.acts.open_case import Matter, opened
from consent.models import Case, Request
from consent.models.requests import GUESSES, TERM
from consent.rules.codes import digest
from registry.errors import NotFound

UNKNOWN = "There is no request with this reference and this code. Compare both with our e-mail."


def prove(reference: str, *, code: str, at: datetime) -> UUID:
    """The number of the request's case. Raises NotFound, in the same words whatever is wrong."""
    request = known(reference, code=code, at=at)
    count(request, proven=True, at=at)
    return request


def known(reference: str, *, code: str, at: datetime) -> UUID:
    """The request of this reference and code. Raises NotFound: also after too many wrong codes, or when it has ended.

    The attempt is counted before it is judged, so that many at once are no more than so many.
    """
    tried = Request.objects.filter(reference=reference.strip().upper(), guesses__lt=GUESSES)
    if not tried.update(guesses=F("guesses") + 1):
        raise NotFound(UNKNOWN)
    request = Request.objects.get(reference=reference.strip().upper())
    ended = request.opened_at is None and request.asked_at + TERM < at
    if ended or not hmac.compare_digest(bytes(request.code), digest(request.id, code)):
        raise NotFound(UNKNOWN)
    Request.objects.filter(id=request.id).update(guesses=F("guesses") - 1)
    return UUID(str(request.id))


@transaction.atomic(durable=True)
def count(request: UUID, *, proven: bool, at: datetime) -> None:
    """Open the case, once. One that was opened because no mail could go out is its address's from the proof on."""
    locked = Request.objects.select_for_update().get(id=request)
    if locked.opened_at is None:
        opened(_matter(locked), claimant=locked.contact, at=at, proven=proven)
        locked.opened_at = at
    elif proven and locked.proven_at is None:
        Case.objects.filter(id=request).update(claimant=locked.contact)
    if proven:
        locked.proven_at = locked.proven_at or at
    locked.save(update_fields=["opened_at", "proven_at"])


def _matter(request: Request) -> Matter:
    return Matter(
        "request",
        asked=request.asked,
        sha256=None if request.sha256 is None else bytes(request.sha256),
        image=request.image,
        search=request.search,
        case=request.id,
        reference=request.reference,
    )


def end_unproven(*, at: datetime) -> int:
    """Forget requests whose code nobody entered in time; the number of them. The log never knew them."""
    ended, _ = Request.objects.filter(opened_at=None, asked_at__lt=at - TERM).delete()
    return ended
