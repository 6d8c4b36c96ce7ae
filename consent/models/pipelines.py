"""Pipelines: authenticated machines that ask before they train."""

from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models

from registry.models import Collection


class PipelineQuerySet(models.QuerySet["Pipeline"]):
    """What a pipeline has told us of its own state."""

    def synced(self, pipeline: int, *, size: int) -> None:
        """It came back with a cursor of this size, so it has applied all before it. Never backwards."""
        self.filter(serial=pipeline, synced_size__lt=size).update(synced_size=size)


class Pipeline(models.Model):
    """A key with its collection, purposes and audience. Only the key's SHA-256 is kept."""

    serial = models.AutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=uuid4, editable=False)
    name = models.CharField(max_length=200)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="pipelines")
    purposes = ArrayField(models.CharField(max_length=32))
    audience = models.CharField(max_length=16)
    key_digest = models.BinaryField(max_length=32, unique=True)
    enrolled_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    synced_size = models.BigIntegerField(default=0)

    objects = PipelineQuerySet.as_manager()
