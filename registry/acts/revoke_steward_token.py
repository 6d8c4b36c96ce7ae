"""Revoke a steward's token for the desk."""

from datetime import datetime

from django.db import transaction

from consentkit.entries import Kind
from registry.acts.enrol_steward import item_of
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.models import Account, Session, StewardToken


@transaction.atomic(durable=True)
def revoke_steward_token(email: str, *, label: str, at: datetime) -> Recorded:
    """It opens the desk no more, and the account's sessions end: one of them may have begun with it.

    Raises NotFound.
    """
    account = Account.objects.steward(email)
    token = StewardToken.objects.filter(account=account, label=label, revoked_at=None).first()
    if token is None:
        raise NotFound(f"This steward has no token {label[:80]!r}. `manage.py steward token list` shows them.")
    act = Act.begin(Kind.TOKEN_REVOKED, at=at)
    token.revoked_at = at
    token.save(update_fields=["revoked_at"])
    Session.objects.filter(account=account).delete()
    return record(act, [item_of(token, what="token_revoked")])
