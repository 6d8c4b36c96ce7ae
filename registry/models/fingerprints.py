"""Perceptual fingerprints, each with the algorithm and version that made it."""

from django.db import models
from django.db.models import Q

from consentkit.fingerprints.views import ALGORITHM
from registry.models.images import Image


class Fingerprint(models.Model):
    """Personal data: it stays inside (D13)."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="fingerprints")
    algorithm = models.CharField(max_length=32)
    version = models.SmallIntegerField()
    bits = models.BinaryField(max_length=256)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image", "algorithm", "version"], name="fingerprint_once")]
        indexes = [models.Index(fields=["version", "id"], condition=Q(algorithm=ALGORITHM), name="fingerprint_views")]
