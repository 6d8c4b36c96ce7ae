"""End sessions of one account: the next request of each is one of a stranger. Nobody can end another account's."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import transaction

from consentkit.entries import Kind
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.models import Person, Session
from registry.rules.items import Item


@transaction.atomic(durable=True)
def end_sessions(
    person: UUID, *, sessions: Collection[UUID] | Literal["all"], at: datetime, keep: UUID | None = None
) -> Recorded | None:
    """These by number, or all but `keep`; None where there was none left to end.

    Raises NotFound where one is not of this person's account, and nothing is done.
    """
    account = Person.objects.locked(person).account_id
    theirs = Session.objects.filter(account=account, account__isnull=False, number__isnull=False).exclude(number=keep)
    if sessions != "all":
        theirs = theirs.filter(number__in=sessions)
        if theirs.values("number").distinct().count() != len(set(sessions)):
            raise NotFound("There is no such session of yours. It may have ended.")
    act = Act.begin(Kind.SESSIONS_ENDED, at=at)
    ended, _ = theirs.delete()
    if not ended:
        return None
    return record(act, [Item("sessions_ended", person=person, particulars={"count": ended})])
