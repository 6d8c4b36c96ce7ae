"""Who is asking."""

import hashlib
from datetime import datetime
from uuid import UUID

from registry.models import Account, Person, PersonToken, StewardToken


def person_of_token(token: str, *, at: datetime) -> UUID | None:
    """The person whose token this is; None when unknown or ended."""
    digest = hashlib.sha256(token.encode()).digest()
    found = PersonToken.objects.filter(digest=digest, expires_at__gt=at)
    return found.values_list("person", flat=True).first()


def person_of_account(account: int) -> UUID | None:
    """The person behind an account; None before they are enrolled."""
    return Person.objects.filter(account=account).values_list("id", flat=True).first()


def is_steward(account: int) -> bool:
    """Whether this account may work cases."""
    return Account.objects.filter(id=account, is_active=True, is_steward=True).exists()


def steward_of_token(token: str, *, at: datetime) -> int | None:
    """The steward's account whose token this is; None when unknown or ended."""
    digest = hashlib.sha256(token.encode()).digest()
    found = StewardToken.objects.filter(digest=digest, expires_at__gt=at, account__is_steward=True)
    return found.values_list("account", flat=True).first()
