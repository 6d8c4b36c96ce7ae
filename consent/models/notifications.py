"""Notifications: word to a pipeline that something it used is protected now, and its answer."""

from uuid import UUID, uuid4

from django.db import connection, models
from django.db.models import Q

from consent.models.pipelines import Pipeline
from consent.rules.outcomes import Outcome
from registry.models import Image

LOCK = 0x6E6F74696679  # "notify"


class Notification(models.Model):
    """A picture that the pipeline left under `key` is a copy of `image`. Without an outcome it waits for one."""

    serial = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=uuid4, editable=False)
    pipeline = models.ForeignKey(Pipeline, on_delete=models.PROTECT, related_name="notifications", db_index=False)
    kind = models.CharField(max_length=16, choices=[("copy", "copy")])
    key = models.CharField(max_length=200)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="notifications", db_index=False)
    distance = models.SmallIntegerField()
    alteration = models.CharField(max_length=32)
    created_at = models.DateTimeField()
    outcome = models.CharField(max_length=16, null=True)
    answered_at = models.DateTimeField(null=True)

    pipeline_id: int
    image_id: UUID

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pipeline", "key", "image"], condition=Q(outcome=None), name="notification_once"
            ),
            models.CheckConstraint(
                condition=Q(outcome=None) | Q(outcome__in=list(Outcome)), name="notification_outcome_is_known"
            ),
        ]
        indexes = [models.Index(fields=["pipeline", "serial"], name="notification_feed")]


def in_commit_order() -> None:
    """Until this transaction ends nobody else notifies: a reader who has seen a serial has seen all before it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
