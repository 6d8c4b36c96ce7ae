"""Who is asking."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registry.errors import NotFound
from registry.models import Account, Person, PersonToken, StewardToken
from registry.rules import addresses


@dataclass(frozen=True)
class Bearer:
    """The person whose token came, and which of theirs it is."""

    person: UUID
    token: UUID


def bearer(token: str, *, at: datetime) -> Bearer | None:
    """The owner of a token; None when it is unknown, revoked or ended."""
    found = PersonToken.objects.matching(token, at=at).first()
    return None if found is None else Bearer(found.person_id, found.id)


def person_of_account(account: int) -> UUID | None:
    """The person behind an account, the first enrolled where there are several; None before they are enrolled."""
    return next(iter(persons_of_account(account)), None)


def persons_of_account(account: int) -> list[UUID]:
    """Everybody behind an account, in the order in which they were enrolled: several where accounts were joined."""
    found = Person.objects.filter(account=account).order_by("enrolled_at", "id")
    return list(found.values_list("id", flat=True))


def persons_of_address(email: str) -> list[UUID]:
    """Everybody whose account this address signs in to, at least one. Raises NotFound."""
    found = Person.objects.filter(account__email=addresses.canonical(email)).order_by("enrolled_at", "id")
    persons = list(found.values_list("id", flat=True))
    if not persons:
        raise NotFound("Nobody has this address. `manage.py person add` enrols somebody.")
    return persons


def is_steward(account: int) -> bool:
    """Whether this account may work cases."""
    return Account.objects.filter(id=account, is_active=True, is_steward=True).exists()


def steward_of_token(token: str, *, at: datetime) -> int | None:
    """The steward's account whose token this is; None when it is unknown, revoked or ended."""
    found = StewardToken.objects.matching(token, at=at).filter(account__is_steward=True, account__is_active=True)
    return found.values_list("account", flat=True).first()
