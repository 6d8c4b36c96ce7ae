"""Enrol a person: an account's owner becomes someone to the registry."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from consentkit.entries import Kind
from registry.log.recorder import Act, record
from registry.models import Account, Person
from registry.rules.items import Item


@dataclass(frozen=True)
class Enrolled:
    """The person behind an account, under the registry's pseudonym."""

    person: UUID
    account: int


@transaction.atomic(durable=True)
def enrol_person(email: str, *, at: datetime) -> Enrolled:
    """The person of this address; enrolled now, with an account, where there is none yet.

    Two that race meet at the account's row; the second finds the first one's person.
    """
    account = Account.objects.opened(email)
    known = Person.objects.filter(account=account).order_by("enrolled_at", "id").first()
    if known is not None:
        return Enrolled(known.id, account.pk)
    act = Act.begin(Kind.PERSON_ENROLLED, at=at)
    person = Person(account=account, enrolled_at=at)
    person.save(force_insert=True)
    record(act, [Item("person_enrolled", person=person.id)])
    return Enrolled(person.id, account.pk)
