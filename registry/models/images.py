"""Images: one picture of a collection, known by the digest of its bytes; who brought it, and who is shown."""

from collections.abc import Collection as Some
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import connection, models
from django.db.models import Exists, F, OuterRef, Q

from registry.models.bulk import allow_computing, ask, uuid_array
from registry.models.collections import Collection
from registry.models.people import Person
from registry.rules.lifecycle import ImageState
from registry.rules.subjects import Subjects

CLAIM = timedelta(seconds=30)
ATTEMPTS = 3


# UNION, not UNION ALL: an image that is reached by two ways is followed once.
CLOSURE: Final = """
    WITH RECURSIVE closure(id) AS (
        SELECT unnest(%(images)s::uuid[])
        UNION
        SELECT derived_id FROM closure JOIN registry_derivation ON source_id = closure.id
    )
    SELECT id FROM closure
"""
WANTED: Final = f"SELECT id FROM registry_image WHERE id = ANY(ARRAY({CLOSURE}))"  # noqa: S608 - our own words
LOCK: Final = f"SAVEPOINT unlocked; {WANTED} ORDER BY id FOR NO KEY UPDATE; {WANTED}"


def with_descendants(images: Some[UUID]) -> set[UUID]:
    """These and all that was derived from them, however often."""
    (rows,) = ask(CLOSURE, {"images": uuid_array(images)})
    return {image for (image,) in rows}


class ImageQuerySet(models.QuerySet["Image"]):
    """The lock order of the house: images by id, after persons."""

    def locked(self) -> "ImageQuerySet":
        return self.order_by("id").select_for_update(no_key=True)

    def lock_closure(self, images: Some[UUID]) -> None:
        """Lock these and what was derived from them, by id; then look again.

        A picture that came meanwhile would be locked out of order, and two such acts would wait for each other:
        so all locks are let go (back to the savepoint), and taken again in order with the newcomer's. The savepoint
        itself ends with the transaction.
        """
        allow_computing(len(images))
        wanted = {"images": uuid_array(images)}
        while True:
            _, locked, found = ask(LOCK, wanted)
            if set(found) <= set(locked):
                allow_computing(len(locked))
                return
            ask("ROLLBACK TO SAVEPOINT unlocked", {})

    def lock_bytes(self, *digests: bytes) -> None:
        """For the rest of this transaction, whoever brings these bytes, or watches for them, comes one by one."""
        keys = sorted(int.from_bytes(sha256[:8], "big", signed=True) for sha256 in digests)
        with connection.cursor() as cursor:
            for key in keys:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])

    def of(self, person: UUID) -> "ImageQuerySet":
        """A person's images: those they brought, and those they are confirmed to be shown in."""
        brought = Bringing.objects.filter(person=person, dismissed=False).values("image")
        shown = Depiction.objects.filter(person=person, confirmed=True).values("image")
        return self.filter(Q(id__in=brought) | Q(id__in=shown))

    def waiting(self, at: datetime) -> "ImageQuerySet":
        """Images that somebody brought and nobody has decoded for them, and nobody is working on. This is the queue."""
        unclaimed = Q(claimed_until=None) | Q(claimed_until__lt=at)
        brought = Bringing.objects.filter(image=OuterRef("id"), state=ImageState.SUBMITTED)
        return self.filter(unclaimed, Exists(brought))

    def claim(self, image: UUID, *, at: datetime) -> int | None:
        """Take one waiting image for CLAIM; the number of this attempt, or None where another has it.

        The attempt is counted before the decoder sees the bytes, so bytes that kill every decoder run out of
        attempts. A crash here leaves a claim that ends by itself.
        """
        won = self.waiting(at).filter(id=image).update(claimed_until=at + CLAIM, attempts=F("attempts") + 1)
        return self.values_list("attempts", flat=True).get(id=image) if won else None


class Image(models.Model):
    """One picture of a collection, whoever brought it. Its bytes are held beside the database.

    It is registered once they were decoded for somebody, rejected while they never were and nobody waits for it.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="images")
    sha256 = models.BinaryField(max_length=32)
    length = models.BigIntegerField(help_text="bytes")
    media_type = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=ImageState.choices(), default=ImageState.SUBMITTED)
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    submitted_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True)

    objects = ImageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "sha256"], name="image_once_a_collection"),
            models.CheckConstraint(condition=Q(state__in=list(ImageState)), name="image_state_is_known"),
        ]
        indexes = [models.Index(fields=["sha256"], name="image_by_sha256")]


class Bringing(models.Model):
    """One person brought these bytes, and states who is shown in them. The first and the tenth are told the same.

    `state` is theirs: a picture that is registered already is decoded for them anew, so that words and times are those
    of a new one. `dismissed`: a steward found the statement false.
    """

    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="bringings")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="bringings")
    photographer = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="photographed")
    state = models.CharField(max_length=16, choices=ImageState.choices(), default=ImageState.SUBMITTED)
    rejection = models.CharField(max_length=64, blank=True, help_text="slug; see consentkit.formats")
    dismissed = models.BooleanField(default=False)
    brought_at = models.DateTimeField()

    image_id: UUID

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "person"], name="bringing_once"),
            models.CheckConstraint(condition=Q(state__in=list(ImageState)), name="bringing_state_is_known"),
        ]
        indexes = [
            models.Index(fields=["brought_at"], condition=Q(state="submitted"), name="bringing_queue"),
            models.Index(fields=["person", "-brought_at", "image"], name="bringing_newest"),
        ]


class Depiction(models.Model):
    """Somebody is shown, as one bringer states it: a person, somebody invited by `address`, or nobody known (neither).

    Until each is a confirmed person, nothing is permitted (law 1).
    """

    bringing = models.ForeignKey(Bringing, on_delete=models.CASCADE, related_name="depictions")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="depictions")
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="depictions")
    address = models.EmailField(max_length=254, blank=True)
    confirmed = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bringing", "person", "address"], name="depiction_once"),
        ]


def subjects_of(bringings: Some[int]) -> dict[int, Subjects]:
    """By bringing, who is shown as it states."""
    rows: dict[int, list[tuple[bool, str]]] = {bringing: [] for bringing in bringings}
    depictions = Depiction.objects.filter(bringing__in=list(bringings))
    for bringing, person, address in depictions.values_list("bringing", "person", "address"):
        rows[bringing].append((person is not None, address))
    return {
        bringing: Subjects(
            oneself=any(person for person, _ in shown),
            addresses=frozenset(address for _, address in shown if address),
            unknown=any(not person and not address for person, address in shown),
        )
        for bringing, shown in rows.items()
    }


class Derivation(models.Model):
    """An image was made from another (a crop, an edit): it is never permitted where its source is not."""

    bringing = models.ForeignKey(Bringing, on_delete=models.CASCADE, related_name="derived_from")
    source = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="derivatives")
    derived = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="derived_from")

    source_id: UUID

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bringing", "source"], name="derivation_once")]
