"""Issue a bearer token scoped to one person, for their own apps and consent managers."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from consentkit.entries import Kind
from registry.log.recorder import Act, record
from registry.models import Person, PersonToken
from registry.rules.items import Item
from registry.rules.labels import label_for

LIFETIME = timedelta(days=365)


@dataclass(frozen=True)
class Issued:
    """A secret that opens something from now on: its number and label, when it ends, and the entry's index."""

    id: UUID
    label: str
    expires_at: datetime
    index: int


@transaction.atomic(durable=True)
def issue_token(person: UUID, *, secret: str, at: datetime, label: str = "") -> Issued:
    """Keep the token's SHA-256, never the token. Without a label it is `token-1`, or the next that is free.

    Raises LabelInvalid, LabelTaken.
    """
    Person.objects.locked(person)
    held = PersonToken.objects.filter(person=person, revoked_at=None)
    label = label_for(label, taken=set(held.values_list("label", flat=True)), noun="token")
    act = Act.begin(Kind.TOKEN_ISSUED, at=at)
    token = PersonToken(
        person_id=person,
        label=label,
        digest=hashlib.sha256(secret.encode()).digest(),
        issued_at=at,
        expires_at=at + LIFETIME,
    )
    token.save(force_insert=True)
    said = record(act, [Item("token_issued", person=person, particulars={"token": str(token.id), "label": label})])
    return Issued(token.id, label, token.expires_at, said.index)
