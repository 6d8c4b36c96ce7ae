"""Enrol a steward: an account that may work cases."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.db import transaction

from consentkit.entries import Kind
from registry.log.recorder import Act, Recorded, record
from registry.models import Account, StewardToken
from registry.rules.items import Item
from registry.rules.labels import label_for

STEWARDS = UUID("b3a1f7a2-5d0e-4c57-9a63-2f3f7a1f9c10")
LIFETIME = timedelta(days=90)


def steward_id(account: int) -> UUID:
    """The pseudonym under which a steward's acts are recorded."""
    return uuid5(STEWARDS, str(account))


@transaction.atomic(durable=True)
def enrol_steward(email: str, *, secret: str, at: datetime, label: str = "") -> tuple[int, Recorded]:
    """Give the account of this address, made where there is none, a steward's rights and a token for the desk.

    A steward gets another token. Raises LabelInvalid, LabelTaken.
    """
    account = Account.objects.opened(email)
    act = Act.begin(Kind.TOKEN_ISSUED if account.is_steward else Kind.STEWARD_ENROLLED, at=at)
    account.is_steward = True
    account.save(update_fields=["is_steward"])
    held = StewardToken.objects.filter(account=account, revoked_at=None)
    token = StewardToken(
        account=account,
        label=label_for(label, taken=set(held.values_list("label", flat=True)), noun="token"),
        digest=hashlib.sha256(secret.encode()).digest(),
        issued_at=at,
        expires_at=at + LIFETIME,
    )
    token.save(force_insert=True)
    return account.pk, record(act, [item_of(token, what=act.kind.value)])


def item_of(token: StewardToken, *, what: str) -> Item:
    """What is said of a steward's token: whose, under the pseudonym, and how it is called."""
    particulars = {"steward": str(steward_id(token.account_id)), "token": str(token.id), "label": token.label}
    return Item(what, particulars=particulars)
