"""Join two accounts of one person: whoever signs in to one of them has the pictures of both."""

from datetime import datetime

from django.db import transaction

from consentkit.entries import Kind
from registry.errors import AccountNotJoined, NotFound
from registry.log.recorder import Act, Recorded, record
from registry.models import Account, Person
from registry.rules import addresses
from registry.rules.items import Item


@transaction.atomic(durable=True)
def join_accounts(kept: str, other: str, *, at: datetime) -> Recorded:
    """The persons of `other` become those of `kept`; the account of `other` is closed, and its sessions end.

    What each pseudonym brought, granted and withdrew stays as it stands: no picture's standing changes. The log names
    the pseudonyms and no address (law 6). Raises AddressInvalid; NotFound where either has nobody; AccountNotJoined.
    """
    kept, other = addresses.canonical(kept), addresses.canonical(other)
    found = Account.objects.locked(kept, other)
    brought = list(Person.objects.filter(account__email=other).order_by("id").select_for_update(no_key=True))
    if not brought or not Person.objects.filter(account__email=kept).exists():
        raise NotFound("One of these addresses has nobody.")
    if kept == other or found[other].is_steward:
        raise AccountNotJoined("Name two accounts, and one that works no cases as the second.")
    act = Act.begin(Kind.ACCOUNTS_JOINED, at=at)
    Person.objects.filter(id__in=[person.id for person in brought]).update(account=found[kept])
    found[other].delete()
    return record(act, [Item("account_joined", person=person.id) for person in brought])
