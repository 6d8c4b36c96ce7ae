"""Manifests: what pipelines attest that they trained on, and how far each was compared with what was withdrawn."""

from uuid import UUID, uuid4

from django.db import models

from consent.models.pipelines import Pipeline
from registry.models import Image


class Manifest(models.Model):
    """A pipeline's signed statement about one training run. Insert-only.

    `size` is the log's size that it filtered at, as it says; `note` its statement, signed by its own `verifier` key.
    `sent` counts the keys that came with it, `images` those of them that the registry knew: rows of ManifestImage.
    """

    serial = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=uuid4, editable=False)
    pipeline = models.ForeignKey(Pipeline, on_delete=models.PROTECT, related_name="manifests", db_index=False)
    name = models.CharField(max_length=200, blank=True, help_text="of the run")
    model = models.CharField(max_length=200)
    purpose = models.CharField(max_length=32)
    size = models.BigIntegerField()
    rows = models.BigIntegerField()
    kept = models.BigIntegerField()
    excluded = models.BigIntegerField()
    unknown = models.BigIntegerField()
    out_of_scope = models.BigIntegerField()
    reasons = models.JSONField(help_text="rows excluded, by what a pipeline must do")
    inputs = models.JSONField(help_text="name, bytes and SHA-256 of each file or folder")
    outputs = models.JSONField(help_text="the same")
    sent = models.BigIntegerField()
    images = models.BigIntegerField()
    note = models.TextField()
    verifier = models.CharField(max_length=400)
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of the note")
    attested_at = models.DateTimeField()
    act = models.UUIDField(unique=True)

    pipeline_id: int

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pipeline", "digest"], name="manifest_once")]
        indexes = [models.Index(fields=["pipeline", "serial"], name="manifest_list")]


class ManifestImage(models.Model):
    """An image that a manifest holds. Insert-only.

    Up to ten million a manifest, written by one statement that reads them from the standings: so no constraint checks
    each again, and there is no number of its own.
    """

    pk = models.CompositePrimaryKey("manifest", "image")
    manifest = models.ForeignKey(
        Manifest, on_delete=models.PROTECT, related_name="held", db_index=False, db_constraint=False
    )
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)

    manifest_id: int
    image_id: UUID

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image", "manifest"], name="manifest_by_image")]


class ManifestLook(models.Model):
    """How far a manifest was compared with the log: acts before `size` have told what they had to tell of it."""

    manifest = models.OneToOneField(Manifest, primary_key=True, on_delete=models.PROTECT, related_name="look")
    size = models.BigIntegerField()

    manifest_id: int

    class Meta:
        indexes = [models.Index(fields=["size"], name="manifest_look_queue")]
