"""Pipelines: authenticated machines that ask before they train."""

from uuid import UUID, uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from registry.errors import NotFound
from registry.models import Collection, Secret, SecretQuerySet


class PipelineQuerySet(models.QuerySet["Pipeline"]):
    """Which pipeline is meant, and what it has told us of its own state."""

    def synced(self, pipeline: int, *, size: int) -> None:
        """It came back with a cursor of this size, so it has applied all before it. Never backwards."""
        self.filter(serial=pipeline, synced_size__lt=size).update(synced_size=size)

    def named(self, text: str) -> "Pipeline":
        """By number or name. Raises NotFound."""
        try:
            found = self.filter(id=UUID(text)).first()
        except ValueError:  # not a number
            found = self.filter(name__iexact=text).first()
        if found is None:
            raise NotFound(f"There is no pipeline {text[:80]!r}. `manage.py pipeline list` shows them.")
        return found


class Pipeline(models.Model):
    """A collection, purposes and an audience, which any of its keys opens.

    What it is told, what it answers and how far it has synced belong to it, whichever key it sends. `disabled_at`: no
    key of it opens anything until it is enabled again.
    """

    serial = models.AutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=uuid4, editable=False)
    name = models.CharField(max_length=200)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="pipelines")
    purposes = ArrayField(models.CharField(max_length=32))
    audience = models.CharField(max_length=16)
    enrolled_at = models.DateTimeField()
    disabled_at = models.DateTimeField(null=True)
    synced_size = models.BigIntegerField(default=0)

    objects = PipelineQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="pipeline_name_is_one")]


class PipelineKey(Secret):
    """One key of a pipeline. Several may be in force while one takes the place of another."""

    pipeline = models.ForeignKey(Pipeline, on_delete=models.PROTECT, related_name="keys")

    objects = SecretQuerySet["PipelineKey"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pipeline", "label"], condition=Q(revoked_at=None), name="key_label_is_one"
            ),
        ]
