"""Remove a steward: an account that may work no more cases."""

from datetime import datetime

from django.db import transaction

from consentkit.entries import Kind
from registry.acts.enrol_steward import steward_id
from registry.log.recorder import Act, Recorded, record
from registry.models import Account, Session, StewardToken
from registry.rules.items import Item


@transaction.atomic(durable=True)
def remove_steward(email: str, *, at: datetime) -> Recorded:
    """Take the rights, revoke the tokens and end the sessions: the next request finds no desk. The account stays.

    Raises NotFound where the address is no steward's.
    """
    account = Account.objects.steward(email)
    act = Act.begin(Kind.STEWARD_REMOVED, at=at)
    account.is_steward = False
    account.save(update_fields=["is_steward"])
    StewardToken.objects.filter(account=account, revoked_at=None).update(revoked_at=at)
    Session.objects.filter(account=account).delete()
    return record(act, [Item("steward_removed", particulars={"steward": str(steward_id(account.pk))})])
