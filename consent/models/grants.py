"""Grants and withdrawals: the records of what a person said, with a line for each image."""

from uuid import uuid4

from django.db import models

from consent.models.notices import Notice
from consent.rules.lifecycle import GrantState
from registry.models import Image, Person


class Grant(models.Model):
    """A person's permission under one notice, to one audience, until one moment. Insert-only; lines hold states."""

    serial = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="grants")
    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="grants")
    audience = models.CharField(max_length=16)
    until = models.DateTimeField()
    given_at = models.DateTimeField()
    act = models.UUIDField(unique=True)
    idempotency_key = models.CharField(max_length=255, null=True)
    request_digest = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "idempotency_key"], name="grant_idempotency_key_once"),
        ]


class GrantLine(models.Model):
    """One (image, purpose) of a grant. The newest line of a person, image, purpose and audience counts."""

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="lines")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="grant_lines")
    purpose = models.SmallIntegerField(help_text="position in consentkit.scopes.PURPOSES")
    state = models.CharField(max_length=16, default=GrantState.GIVEN)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["grant", "image", "purpose"], name="grant_line_once"),
            models.CheckConstraint(condition=models.Q(state__in=list(GrantState)), name="grant_line_state_is_known"),
        ]


class Withdrawal(models.Model):
    """A person's withdrawal. Insert-only. `scope_digest` recognises an exact repeat."""

    serial = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="withdrawals")
    scope_digest = models.BinaryField(max_length=32)
    recorded_at = models.DateTimeField()
    act = models.UUIDField(unique=True)
    idempotency_key = models.CharField(max_length=255, null=True)
    request_digest = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "idempotency_key"], name="withdrawal_idempotency_key_once"),
        ]
        indexes = [models.Index(fields=["person", "scope_digest"], name="withdrawal_repeat")]


class WithdrawalLine(models.Model):
    """One image of a withdrawal; `in_force` holds a bit for each scope still protected."""

    withdrawal = models.ForeignKey(Withdrawal, on_delete=models.PROTECT, related_name="lines")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="withdrawal_lines")
    in_force = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["withdrawal", "image"], name="withdrawal_line_once")]
