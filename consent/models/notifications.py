"""Notifications: word to a pipeline that something it used is protected now, and its answer."""

from uuid import UUID, uuid4

from django.db import connection, models
from django.db.models import Q

from consent.models.manifests import Manifest
from consent.models.pipelines import Pipeline
from consent.rules.outcomes import Outcome
from consent.rules.reasons import Duty
from registry.models import Image

LOCK = 0x6E6F74696679  # "notify"
KINDS = ("copy", "manifest")


class Notification(models.Model):
    """Without an outcome it waits for one.

    `copy`: a picture that the pipeline left under `key` is a copy of `image`. `manifest`: what the act `act` took away
    of a manifest, one for each (manifest, act), with `count` rows of NotificationImage.
    """

    serial = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=uuid4, editable=False)
    pipeline = models.ForeignKey(Pipeline, on_delete=models.PROTECT, related_name="notifications", db_index=False)
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in KINDS])
    key = models.CharField(max_length=200, blank=True)
    image = models.ForeignKey(Image, null=True, on_delete=models.PROTECT, related_name="notifications", db_index=False)
    distance = models.SmallIntegerField(null=True)
    alteration = models.CharField(max_length=32, blank=True)
    manifest = models.ForeignKey(
        Manifest, null=True, on_delete=models.PROTECT, related_name="notifications", db_index=False
    )
    act = models.UUIDField(null=True)
    count = models.IntegerField(null=True)
    created_at = models.DateTimeField()
    outcome = models.CharField(max_length=16, null=True)
    answered_at = models.DateTimeField(null=True)

    pipeline_id: int
    image_id: UUID | None
    manifest_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pipeline", "key", "image"], condition=Q(outcome=None), name="notification_once"
            ),
            models.UniqueConstraint(fields=["manifest", "act"], name="notification_once_an_act"),
            models.CheckConstraint(
                condition=Q(outcome=None) | Q(outcome__in=list(Outcome)), name="notification_outcome_is_known"
            ),
            models.CheckConstraint(
                condition=Q(kind="copy", image__isnull=False, distance__isnull=False, manifest=None, act=None)
                | Q(kind="manifest", image=None, distance=None, manifest__isnull=False, act__isnull=False, count__gt=0),
                name="notification_is_of_its_kind",
            ),
        ]
        indexes = [models.Index(fields=["pipeline", "serial"], name="notification_feed")]


class NotificationImage(models.Model):
    """An image that a notification of a manifest tells of.

    `over`: a later act permitted it again, so that another withdrawal is news.
    """

    pk = models.CompositePrimaryKey("notification", "image")
    notification = models.ForeignKey(
        Notification, on_delete=models.PROTECT, related_name="told", db_index=False, db_constraint=False
    )
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    duty = models.SmallIntegerField(choices=[(duty.value, duty.name.lower()) for duty in Duty])
    over = models.BooleanField(default=False)

    notification_id: int
    image_id: UUID

    class Meta:
        indexes = [models.Index(fields=["image"], condition=Q(over=False), name="notification_standing")]


def in_commit_order() -> None:
    """Until this transaction ends nobody else notifies: a reader who has seen a serial has seen all before it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
