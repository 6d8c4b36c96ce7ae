"""Requests: what somebody without an account asks, until they have shown that the address is theirs."""

from datetime import timedelta
from typing import Final

from django.db import models

GUESSES: Final = 20  # wrong codes, after which a request can neither be proven nor read
TERM: Final = timedelta(days=7)  # for which the code is waited for


class Request(models.Model):
    """One request and the digest of its code. `id` is the number of its case, which is opened once it counts.

    Until then nothing is searched or restricted for it, and it is in no queue. `opened_at`: when it began to count;
    `proven_at`: when its code was entered, later where no mail could go out.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    reference = models.CharField(max_length=16, unique=True)
    contact = models.CharField(max_length=254)
    asked = models.CharField(max_length=80, help_text="the digest or image number asked about")
    sha256 = models.BinaryField(max_length=32, null=True)
    image = models.UUIDField(null=True)
    search = models.BooleanField(help_text="a picture came with it")
    code = models.BinaryField(max_length=32, help_text="SHA-256 of the request's number and its code")
    guesses = models.SmallIntegerField(default=0)
    asked_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    proven_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["asked_at"], condition=models.Q(opened_at=None), name="request_unproven"),
        ]
