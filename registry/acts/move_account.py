"""Move an account to another address: its owner has a new mailbox, and must not lose the way to stop."""

from datetime import datetime

from django.db import transaction

from consentkit.entries import Kind
from registry.acts.enrol_steward import steward_id
from registry.errors import AddressTaken, NotFound
from registry.log.recorder import Act, Recorded, record
from registry.models import Account, Person
from registry.rules import addresses
from registry.rules.items import Item


@transaction.atomic(durable=True)
def move_account(old: str, new: str, *, at: datetime) -> Recorded:
    """From `old` to `new`: codes go there from now on, and sessions that were begun before end.

    The log says that an account was moved, of which persons, and no address (law 6). Raises AddressInvalid; NotFound
    where `old` has nobody; AddressTaken where `new` has, or is the same.
    """
    old, new = addresses.canonical(old), addresses.canonical(new)
    found = Account.objects.locked(old, new)
    persons = list(Person.objects.filter(account__email=old).order_by("id"))
    if old not in found or not (persons or found[old].is_steward):
        raise NotFound("Nobody has the first address.")
    taken = found.get(new)
    if taken is not None and (taken == found[old] or taken.is_steward or taken.persons.exists()):
        raise AddressTaken("Somebody has the second address. If it is the same person, join the two accounts.")
    if taken is not None:  # it was opened and never used
        taken.delete()
    account, act = found[old], Act.begin(Kind.ACCOUNT_MOVED, at=at)
    account.email = new
    account.set_unusable_password()  # a fresh one, which sessions are bound to: they end
    account.save(update_fields=["email", "password"])
    items = [Item("account_moved", person=person.id) for person in persons]
    if account.is_steward:
        items.append(Item("account_moved", particulars={"steward": str(steward_id(account.pk))}))
    return record(act, items)
