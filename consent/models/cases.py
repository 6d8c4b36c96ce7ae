"""Cases: matters for a steward."""

from uuid import uuid4

from django.db import models

from consent.rules.lifecycle import CaseState, Hold
from registry.models import Collection, Image


class Case(models.Model):
    """A request by somebody without an account, or a dispute over the same bytes."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    reference = models.CharField(max_length=16, unique=True)
    collection = models.ForeignKey(Collection, null=True, on_delete=models.PROTECT, related_name="cases")
    kind = models.CharField(max_length=16, choices=[("request", "request"), ("dispute", "dispute")])
    state = models.CharField(max_length=16, default=CaseState.ACKNOWLEDGED)
    contact = models.CharField(max_length=254, blank=True)
    asked = models.CharField(max_length=80, help_text="the digest or image number asked about")
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    ground = models.TextField(blank=True, help_text="the steward's reason")
    act = models.UUIDField(unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=list(CaseState)), name="case_state_is_known"),
        ]
        indexes = [models.Index(fields=["state", "due_at"], name="case_queue")]


class CaseImage(models.Model):
    """What a case does to one image: restricted while open, then lifted or revoked."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="images")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="case_images")
    hold = models.CharField(max_length=16, default=Hold.RESTRICTED)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "image"], name="case_image_once"),
            models.CheckConstraint(condition=models.Q(hold__in=list(Hold)), name="case_image_hold_is_known"),
        ]
