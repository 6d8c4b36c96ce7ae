"""Which tokens and sessions there are: by label and time, never by value."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registry.models import Account, Person, PersonToken, Secret, Session, StewardToken
from registry.models.sessions import SIGN_IN
from registry.rules import addresses

__all__ = ["SIGN_IN"]


@dataclass(frozen=True)
class Held:
    """One key or token. `ended` says why it opens nothing any more: `revoked`, `expired`, or empty while it does."""

    id: UUID
    label: str
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None
    ended: str


@dataclass(frozen=True)
class SignedIn:
    """One session: in which browser, since when, and when it was last used."""

    number: UUID
    browser: str
    begun_at: datetime
    used_at: datetime


@dataclass(frozen=True)
class Steward:
    """One who may work cases, and how many tokens for the desk are in force."""

    email: str
    tokens: int


def held(rows: Iterable[Secret], *, at: datetime) -> list[Held]:
    """The newest first."""
    found = sorted(rows, key=lambda each: each.issued_at, reverse=True)
    return [
        Held(each.id, each.label, each.issued_at, each.expires_at, each.used_at, _ended(each, at)) for each in found
    ]


def tokens_of(person: UUID, *, at: datetime) -> list[Held]:
    """Those of one person, revoked and expired ones too."""
    return held(PersonToken.objects.filter(person=person), at=at)


def steward_tokens_of(email: str, *, at: datetime) -> list[Held]:
    """Those of one address, revoked and expired ones too."""
    return held(StewardToken.objects.filter(account__email=addresses.canonical(email)), at=at)


def sessions_of(person: UUID, *, at: datetime) -> list[SignedIn]:
    """Where one person's account is signed in, the last used first."""
    account = Person.objects.filter(id=person).values("account")
    rows = Session.objects.filter(account__in=account, expire_date__gt=at)
    found = [
        SignedIn(row.number, row.browser, row.begun_at, row.used_at or row.begun_at)
        for row in rows
        if row.number is not None and row.begun_at is not None
    ]
    return sorted(found, key=lambda each: each.used_at, reverse=True)


def stewards(*, at: datetime) -> list[Steward]:
    """All of them, by address."""
    found = Account.objects.filter(is_steward=True).order_by("email")
    return [Steward(each.email, StewardToken.objects.filter(account=each).in_force(at=at).count()) for each in found]


def _ended(row: Secret, at: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at <= at else ""
