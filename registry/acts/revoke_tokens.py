"""Revoke tokens of one person: from its commit on they open nothing. Nobody can revoke another person's."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import transaction

from consentkit.entries import Kind
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.models import Person, PersonToken
from registry.rules.items import Item


@transaction.atomic(durable=True)
def revoke_tokens(person: UUID, *, tokens: Collection[UUID] | Literal["all"], at: datetime) -> Recorded | None:
    """These, or all that are not revoked; None where nothing was left to revoke.

    Raises NotFound where one is not this person's, and nothing is done.
    """
    Person.objects.locked(person)
    theirs = PersonToken.objects.filter(person=person)
    if tokens != "all":
        theirs = theirs.filter(id__in=tokens)
        if theirs.count() != len(set(tokens)):
            raise NotFound("There is no such token among yours.")
    act = Act.begin(Kind.TOKEN_REVOKED, at=at)
    ended = list(theirs.filter(revoked_at=None).order_by("id"))
    for token in ended:
        token.revoked_at = at
        token.save(update_fields=["revoked_at"])
    if not ended:
        return None
    items = [
        Item("token_revoked", person=person, particulars={"token": str(each.id), "label": each.label}) for each in ended
    ]
    return record(act, items)
