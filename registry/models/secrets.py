"""Secrets that let somebody act: listed by label, each with an end, revoked at once. Only their SHA-256 is kept."""

import hashlib
from datetime import datetime
from typing import Self, TypeVar
from uuid import uuid4

from django.db import models

Row = TypeVar("Row", bound="Secret", covariant=True)


class SecretQuerySet(models.QuerySet[Row]):
    """Who holds what, and whether it still opens anything."""

    def in_force(self, *, at: datetime) -> Self:
        """Not revoked, and its time not over."""
        return self.filter(revoked_at=None, expires_at__gt=at)

    def matching(self, secret: str, *, at: datetime) -> Self:
        """The one with this value, if it is in force. Asked at every request: nobody keeps the answer."""
        return self.in_force(at=at).filter(digest=hashlib.sha256(secret.encode()).digest())


class Secret(models.Model):
    """One bearer secret. `label` is what its owner calls it, and is one among the owner's that are not revoked.

    `used_at`: the last use, to within some minutes; null where there was none yet.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    label = models.CharField(max_length=60)
    digest = models.BinaryField(max_length=32, unique=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
