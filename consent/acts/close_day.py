"""Close the day: put a root over what was disclosed before today in the log, so that nothing of it is lost later."""

from datetime import UTC, datetime
from itertools import islice
from typing import Final

from django.db import transaction
from django.db.models import Max

from consent.models import Disclosure, DisclosureDay
from consent.models.disclosures import settled
from consent.rules.disclosures import WHAT, day_of
from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.models.bulk import ask
from registry.rules.items import Item

LOCK: Final = 0x646179  # "day"
MOST: Final = 500_000  # disclosures under one root; what is left is for the next call


def close_day(*, at: datetime) -> Recorded | None:
    """The root over all that is not under one yet, up to the first disclosure of today (UTC); None where nothing is.

    Ranges are of serials, and none is under way below `settled`. What was begun yesterday and has a serial behind one
    of today's is under the next root. A crash leaves the range to the next call.
    """
    reached = settled()
    return None if reached is None else _close(reached=reached, at=at)


@transaction.atomic(durable=True)
def _close(*, reached: int, at: datetime) -> Recorded | None:
    (((alone,),),) = ask("SELECT pg_try_advisory_xact_lock(%(lock)s)", {"lock": LOCK})
    if not alone:  # somebody else is at it
        return None
    closed = DisclosureDay.objects.aggregate(last=Max("last"))["last"] or 0
    today = Disclosure.objects.all().first_of(_midnight(at), after=closed)
    last = reached if today is None else min(reached, today - 1)
    day = day_of(islice(Disclosure.objects.all().between(closed + 1, last), MOST))
    if day is None:
        return None
    act = Act.begin(Kind.DISCLOSURES_LOGGED, at=at)
    kept = DisclosureDay(first=day.first, last=day.last, count=day.count, root=day.root, act=act.id)
    kept.save(force_insert=True)
    return record(act, [Item(WHAT, particulars=day.said)])


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
