"""Cases: matters for a steward."""

from uuid import UUID, uuid4

from django.db import models

from consent.rules.lifecycle import CaseState, Hold, Search
from registry.models import Collection, Image

KINDS = ("request", "copy", "statements")


class Case(models.Model):
    """A request by somebody without an account, a copy of a protected image, or two people's statements about one.

    `sha256`: the bytes that it watches for, null where it is about no bytes of its own. `claimant`: by whom its
    allowance is counted; empty where it has none (`consent.acts.reaching`).
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    reference = models.CharField(max_length=16, unique=True)
    collection = models.ForeignKey(Collection, null=True, on_delete=models.PROTECT, related_name="cases")
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in KINDS])
    state = models.CharField(max_length=16, default=CaseState.ACKNOWLEDGED)
    search = models.CharField(max_length=16, default=Search.NONE)
    contact = models.CharField(max_length=254, blank=True)
    claimant = models.CharField(max_length=254, blank=True)
    asked = models.CharField(max_length=80, help_text="the digest or image number asked about")
    sha256 = models.BinaryField(max_length=32, null=True)
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    ground = models.TextField(blank=True, help_text="the steward's reason")
    act = models.UUIDField(unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=list(CaseState)), name="case_state_is_known"),
            models.CheckConstraint(condition=models.Q(kind__in=KINDS), name="case_kind_is_known"),
            models.CheckConstraint(condition=models.Q(search__in=list(Search)), name="case_search_is_known"),
        ]
        indexes = [
            models.Index(fields=["state", "due_at"], name="case_queue"),
            models.Index(fields=["opened_at"], condition=models.Q(search=Search.WAITING), name="case_searches"),
            models.Index(fields=["sha256"], name="case_guard"),
            models.Index(fields=["claimant", "state"], name="case_claimant"),
        ]


class CaseImage(models.Model):
    """What a case does to one image: restricted while open, then lifted or revoked; or only noted.

    `of`: the protected image that it looks like, null where that is the asker's picture or it was named exactly.
    `distance` (bits) and `likeness` (-1 to 1) are null where nobody measured. `in_use`: some use of it was permitted
    when it was restricted, so that it counts against the allowance.
    """

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="images")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="case_images")
    hold = models.CharField(max_length=16, default=Hold.RESTRICTED)
    held_at = models.DateTimeField()
    in_use = models.BooleanField(default=False)
    of = models.ForeignKey(Image, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    distance = models.SmallIntegerField(null=True)
    alteration = models.CharField(max_length=32, blank=True)
    likeness = models.FloatField(null=True)

    image_id: UUID

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "image"], name="case_image_once"),
            models.CheckConstraint(condition=models.Q(hold__in=list(Hold)), name="case_image_hold_is_known"),
        ]
