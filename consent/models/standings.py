"""Standings: what is permitted for one image now, as one row; and the sums that show drift."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from consentkit.scopes import SCOPES
from registry.models import Collection, Image


class Standing(models.Model):
    """The projection of the log, written inside the act's transaction (law 5).

    `until` and `reason` hold one value a scope; exactly one of the two is null. `act` is the last act that changed
    the row. No clock is in it.
    """

    image = models.OneToOneField(Image, primary_key=True, on_delete=models.PROTECT, related_name="standing")
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="standings")
    sha256 = models.BinaryField(max_length=32)
    until = ArrayField(models.BigIntegerField(null=True), size=SCOPES)
    reason = ArrayField(models.SmallIntegerField(null=True), size=SCOPES)
    act = models.UUIDField()

    image_id: UUID

    class Meta:
        indexes = [
            models.Index(fields=["sha256"], name="standing_by_sha256"),
            models.Index(fields=["act"], name="standing_by_act"),
        ]


class FeedTotal(models.Model):
    """By collection and scope: how many images are in the feed, and the sum of their rows' digests mod 2²⁵⁶."""

    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="totals")
    scope = models.SmallIntegerField()
    count = models.BigIntegerField()
    total = models.DecimalField(max_digits=80, decimal_places=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "scope"], name="feed_total_once")]
