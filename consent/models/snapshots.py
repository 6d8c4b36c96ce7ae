"""Snapshots: what was published of a collection's standings at one size."""

from django.db import models

from registry.models import Collection


class Snapshot(models.Model):
    """A signed list of immutable parts. The parts are files named by their SHA-256."""

    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="snapshots")
    scopes = models.IntegerField(help_text="bits by scope")
    size = models.BigIntegerField()
    act = models.UUIDField(unique=True, help_text="its entry in the log, which pins the list")
    parts = models.TextField(help_text="signed note: the list of parts")
    close = models.TextField(help_text="signed note: size, count, digest, cursor")
    built_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "scopes", "size"], name="snapshot_one_at_a_size")]
        indexes = [models.Index(fields=["collection", "scopes", "-built_at"], name="snapshot_newest")]
