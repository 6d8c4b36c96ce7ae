"""Webhooks: where a pipeline hears at once that there is a notification."""

from datetime import datetime
from uuid import uuid4

from django.db import models
from django.db.models import Exists, OuterRef, Q

from consent.models.notifications import Notification
from consent.models.pipelines import Pipeline

STOPS = ("operator", "gone", "silent")


class WebhookQuerySet(models.QuerySet["Webhook"]):
    """The row is the queue."""

    def due(self, *, at: datetime) -> "WebhookQuerySet":
        """In use and its pipeline too, its pause over, and something behind its cursor that nobody has answered."""
        behind = Notification.objects.filter(
            pipeline=OuterRef("pipeline"), serial__gt=OuterRef("delivered"), outcome=None
        )
        usable = self.filter(Exists(behind), pipeline__disabled_at=None, stopped_at=None, next_at__lte=at)
        return usable.order_by("next_at", "serial")


class Webhook(models.Model):
    """One endpoint.

    `delivered`: every notification up to this serial was received there, or answered before it could be. The next one
    is tried alone, so their order holds. `attempts`: failures since the last success, at whichever notification.
    `fault`: the last one in a word or two, empty after a success; `status` the endpoint's HTTP status, if it gave one.
    `stopped`: by an `operator`; the endpoint is `gone` (410); it was `silent` for all attempts.
    """

    serial = models.AutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=uuid4, editable=False)
    pipeline = models.ForeignKey(Pipeline, on_delete=models.PROTECT, related_name="webhooks")
    url = models.TextField()
    enrolled_at = models.DateTimeField()
    delivered = models.BigIntegerField(default=0)
    attempts = models.SmallIntegerField(default=0)
    next_at = models.DateTimeField()
    heard_at = models.DateTimeField(null=True, help_text="the newest success")
    tried_at = models.DateTimeField(null=True)
    status = models.SmallIntegerField(null=True)
    fault = models.CharField(max_length=64, blank=True)
    stopped = models.CharField(max_length=16, blank=True)
    stopped_at = models.DateTimeField(null=True)

    objects = WebhookQuerySet.as_manager()

    pipeline_id: int

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(stopped="", stopped_at=None) | Q(stopped__in=STOPS, stopped_at__isnull=False),
                name="webhook_stop_is_known",
            ),
        ]


class WebhookSecretQuerySet(models.QuerySet["WebhookSecret"]):
    """What an endpoint's deliveries are signed with."""

    def in_force(self, *, at: datetime) -> "WebhookSecretQuerySet":
        """Not revoked, and its time not over; the newest first."""
        usable = self.filter(Q(ends_at=None) | Q(ends_at__gt=at), revoked_at=None)
        return usable.order_by("-issued_at", "id")


class WebhookSecret(models.Model):
    """One secret of an endpoint. It is nowhere: it follows from the server's own and this number.

    `ends_at`: when another has taken its place; until then deliveries are signed with both.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.PROTECT, related_name="secrets")
    label = models.CharField(max_length=60)
    issued_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = WebhookSecretQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "label"], condition=Q(revoked_at=None), name="webhook_label_is_one"
            ),
        ]
