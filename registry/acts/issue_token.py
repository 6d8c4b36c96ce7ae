"""Issue a bearer token scoped to one person, for their own apps and consent managers."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from registry.models import PersonToken

LIFETIME = timedelta(days=365)


@transaction.atomic(durable=True)
def issue_token(person: UUID, *, secret: str, at: datetime) -> datetime:
    """Keep the token's SHA-256; returns when it ends. Access only: no consent changes, so the log has no entry."""
    expires_at = at + LIFETIME
    digest = hashlib.sha256(secret.encode()).digest()
    token = PersonToken(person_id=person, digest=digest, issued_at=at, expires_at=expires_at)
    token.save(force_insert=True)
    return expires_at
