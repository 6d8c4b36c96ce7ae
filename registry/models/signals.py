"""What files say of their own use."""

from uuid import UUID

from django.db import models

from registry.models.images import Image


class Signal(models.Model):
    """The uses that a file itself denies, whoever brought it: bits by scope. `lifted`: those that a steward freed."""

    image = models.OneToOneField(Image, primary_key=True, on_delete=models.PROTECT, related_name="signal")
    denied = models.IntegerField()
    lifted = models.IntegerField(default=0)
    lifted_at = models.DateTimeField(null=True)
    stated = models.JSONField(help_text="pairs of name and value, as the decoder read them")
    registered_at = models.DateTimeField()

    image_id: UUID

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(denied__gte=0, lifted__gte=0), name="signal_is_bits"),
        ]
        indexes = [models.Index(fields=["registered_at"], name="signal_queue")]
