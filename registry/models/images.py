"""Images: one photograph, identified by the digest of its bytes, and where it came from."""

from collections.abc import Collection as Some
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import models
from django.db.models import F, Q

from registry.models.bulk import ask, uuid_array
from registry.models.collections import Collection
from registry.models.people import Person
from registry.rules.lifecycle import ImageState

CLAIM = timedelta(seconds=30)
ATTEMPTS = 3


DERIVED: Final = "SELECT derived_id FROM registry_derivation WHERE source_id = ANY(%(images)s::uuid[])"
CLOSURE: Final = """
    WITH RECURSIVE closure(id) AS (
        SELECT unnest(%(images)s::uuid[])
        UNION
        SELECT found.id FROM closure
        CROSS JOIN LATERAL (
            SELECT derived_id AS id FROM registry_derivation WHERE source_id = closure.id
            UNION ALL
            SELECT other.id FROM registry_image this JOIN registry_image other USING (sha256)
            WHERE this.id = closure.id
        ) AS found
    )
    SELECT id FROM closure
"""
WANTED: Final = f"SELECT id FROM registry_image WHERE id = ANY(ARRAY({CLOSURE}))"  # noqa: S608 - our own words
LOCK: Final = f"SAVEPOINT unlocked; {WANTED} ORDER BY id FOR NO KEY UPDATE; {WANTED}"


def with_descendants(images: Some[UUID]) -> set[UUID]:
    """These and all that was derived from them, however often."""
    found, fresh = set(images), set(images)
    while fresh:
        (rows,) = ask(DERIVED, {"images": uuid_array(fresh)})
        fresh = {image for (image,) in rows} - found
        found |= fresh
    return found


class ImageQuerySet(models.QuerySet["Image"]):
    """The lock order of the house: images by id, after persons."""

    def locked(self) -> "ImageQuerySet":
        return self.order_by("id").select_for_update(no_key=True)

    def lock_closure(self, images: Some[UUID]) -> None:
        """Lock these, what was derived from them and what has equal bytes, by id; then look again.

        A picture that came meanwhile would be locked out of order, and two such acts would wait for each other:
        so all locks are let go (back to the savepoint), and taken again in order with the newcomer's. The savepoint
        itself ends with the transaction.
        """
        wanted = {"images": uuid_array(images)}
        while True:
            _, locked, found = ask(LOCK, wanted)
            if set(found) <= set(locked):
                return
            ask("ROLLBACK TO SAVEPOINT unlocked", {})

    def of(self, person: UUID) -> "ImageQuerySet":
        """A person's images: those they brought, and those they are confirmed to be shown in."""
        shown = Depiction.objects.filter(person=person, confirmed=True).values("image")
        return self.filter(Q(contributor=person) | Q(id__in=shown))

    def waiting(self, at: datetime) -> "ImageQuerySet":
        """Images without fingerprints that nobody is working on. This state is the queue."""
        unclaimed = Q(claimed_until=None) | Q(claimed_until__lt=at)
        return self.filter(unclaimed, state=ImageState.SUBMITTED)

    def claim(self, image: UUID, *, at: datetime) -> int | None:
        """Take one waiting image for CLAIM; the number of this attempt, or None where another has it.

        The attempt is counted before the decoder sees the bytes, so bytes that kill every decoder run out of
        attempts. A crash here leaves a claim that ends by itself.
        """
        won = self.waiting(at).filter(id=image).update(claimed_until=at + CLAIM, attempts=F("attempts") + 1)
        return self.values_list("attempts", flat=True).get(id=image) if won else None


class Image(models.Model):
    """One photograph as one contributor brought it. Its bytes are held beside the database."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="images")
    contributor = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="contributed")
    photographer = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="photographed")
    sha256 = models.BinaryField(max_length=32)
    length = models.BigIntegerField(help_text="bytes")
    media_type = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=ImageState.choices(), default=ImageState.SUBMITTED)
    rejection = models.CharField(max_length=64, blank=True, help_text="slug; see consentkit.formats")
    held = models.BooleanField(help_text="the same bytes came from somebody else before")
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    submitted_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True)

    objects = ImageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contributor", "sha256"], name="image_same_bytes_same_contributor"),
            models.CheckConstraint(condition=Q(state__in=list(ImageState)), name="image_state_is_known"),
        ]
        indexes = [
            models.Index(fields=["sha256"], name="image_by_sha256"),
            models.Index(fields=["submitted_at"], condition=Q(state="submitted"), name="image_queue"),
        ]


class Depiction(models.Model):
    """Somebody is shown in an image. Until each is a confirmed person, nothing is permitted (law 1)."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="depictions")
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="depictions")
    confirmed = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image", "person"], name="depiction_once")]


class Source(models.Model):
    """Provenance: where an image came from and who says so."""

    image = models.OneToOneField(Image, on_delete=models.CASCADE, related_name="source")
    kind = models.CharField(max_length=16, choices=[("upload", "upload")])
    stated_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    stated_at = models.DateTimeField()


class Derivation(models.Model):
    """An image was made from another (a crop, an edit): it is never permitted where its source is not."""

    source = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="derivatives")
    derived = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="derived_from")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "derived"], name="derivation_once")]
