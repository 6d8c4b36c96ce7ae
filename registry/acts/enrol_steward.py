"""Enrol a steward: an account that may work cases."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.db import transaction

from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.models import Account, StewardToken
from registry.rules.items import Item

STEWARDS = UUID("b3a1f7a2-5d0e-4c57-9a63-2f3f7a1f9c10")
LIFETIME = timedelta(days=90)


def steward_id(account: int) -> UUID:
    """The pseudonym under which a steward's acts are recorded."""
    return uuid5(STEWARDS, str(account))


@transaction.atomic(durable=True)
def enrol_steward(email: str, *, secret: str, at: datetime) -> tuple[int, Recorded]:
    """Give the account of this address, made where there is none, a steward's rights and a token for the desk."""
    account = Account.objects.opened(email)
    act = Act.begin(Kind.STEWARD_ENROLLED, at=at)
    account.is_steward = True
    account.save(update_fields=["is_steward"])
    digest = hashlib.sha256(secret.encode()).digest()
    token = StewardToken(account=account, digest=digest, issued_at=at, expires_at=at + LIFETIME)
    token.save(force_insert=True)
    item = Item("steward_enrolled", particulars={"steward": str(steward_id(account.pk))})
    return account.pk, record(act, [item])
