"""Notices: the immutable, versioned texts that a subject agrees to."""

from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models

from registry.models import Collection


class Notice(models.Model):
    """One published version. Insert-only: a new text is a new version; the newest of a collection is current."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="notices")
    version = models.IntegerField()
    language = models.CharField(max_length=35, help_text="BCP 47")
    text = models.TextField()
    sha256 = models.BinaryField(max_length=32)
    purposes = ArrayField(models.CharField(max_length=32))
    audiences = ArrayField(models.CharField(max_length=16))
    term_days = models.IntegerField()
    published_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "version"], name="notice_version_once")]
