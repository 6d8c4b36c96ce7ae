"""Perceptual fingerprints, each with the algorithm and version that made it."""

from django.db import models

from registry.models.images import Image


class Fingerprint(models.Model):
    """Personal data: it stays inside (D13)."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="fingerprints")
    algorithm = models.CharField(max_length=32)
    version = models.SmallIntegerField()
    bits = models.BinaryField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image", "algorithm", "version"], name="fingerprint_once")]
