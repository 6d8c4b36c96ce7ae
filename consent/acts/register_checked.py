"""Register an image that was compared with the protected ones: it is no copy of any, or a case holds it."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from consent.models import Protection
from consent.models.protections import hold_back_searches
from consent.rules.lifecycle import GUARDS
from consent.rules.pictures import views_of
from consent.rules.signals import denied
from consentkit.fingerprints.asking import unpacked
from consentkit.fingerprints.views import ALGORITHM, VERSION
from consentkit.matching.resident import Resident
from registry.acts.register import Measured, registered
from registry.models import Image

FEW: Final = 200  # protections newer than the search that are compared under the lock, about a millisecond each


class Registered(StrEnum):
    """What came of it."""

    REGISTERED = "registered"
    ALREADY = "already"  # a message delivered twice
    LOOK_AGAIN = "look_again"  # something was protected since the comparison


@transaction.atomic(durable=True)
def register_checked(image: UUID, *, person: UUID, measured: Measured, seen: int, at: datetime) -> Registered:
    """Register for who brought it, if it is like nothing that was protected, or asked about, since the search that saw
    `seen`.

    Whatever is protected later is searched for among the registered images once this has ended, so a copy is found
    from one side or from the other.
    """
    hold_back_searches()
    if _may_be_a_copy(image, measured, seen):
        return Registered.LOOK_AGAIN
    recorded = registered(image, person=person, measured=measured, at=at, denied=denied(measured.stated))
    return Registered.REGISTERED if recorded else Registered.ALREADY


def _may_be_a_copy(image: UUID, measured: Measured, seen: int) -> bool:
    """Of what is protected since; while thousands are, one after the other, looking again would never end."""
    collection = Image.objects.values_list("collection", flat=True).get(id=image)
    concerned = Q(image__collection=collection) | Q(case__state__in=GUARDS)
    newer = Protection.objects.filter(concerned, serial__gt=seen, version=VERSION)
    newer = newer.exclude(image=image).exclude(case__images__image=image)  # the same bytes, or held by it already
    views = [views_of(bytes(kept)) for kept in newer.values_list("views", flat=True)[: FEW + 1] if kept is not None]
    if len(views) > FEW:
        return True
    asking = [unpacked(made.bits) for made in measured.fingerprints if made.algorithm == ALGORITHM]
    fresh = Resident(enumerate(views))
    return any(fresh.matches(each) for each in asking)
