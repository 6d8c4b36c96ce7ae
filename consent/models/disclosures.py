"""Disclosures: what was told to which pipeline, of which images, when; and what is made of that."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db import OperationalError, models, transaction
from django.db.models import F, Func, Q
from django.db.models.lookups import Exact
from psycopg.errors import LockNotAvailable

from consent.models.pipelines import Pipeline
from consent.rules.disclosures import FEEDING, IMAGE_BYTES, NAMING, Disclosed, How
from registry.models import Image
from registry.models.bulk import ask

OCTETS = Func(F("images"), function="octet_length", output_field=models.BigIntegerField())
LOCK = 0x646973636C6F7365  # "disclose"
DISCLOSING = "SET LOCAL lock_timeout = '1s'; SELECT pg_advisory_xact_lock_shared(%(lock)s)"
SETTLING = "SET LOCAL lock_timeout = '100ms'; SELECT pg_advisory_xact_lock(%(lock)s)"


class DisclosureQuerySet(models.QuerySet["Disclosure"]):
    """Ranges, by serial and never by the clock: `at` is not in the order of commits."""

    def between(self, first: int, last: int) -> Iterator[Disclosed]:
        """As roots have them, in order. The database digests the sets, so that none of them travels."""
        digest = Func(F("images"), function="sha256", output_field=models.BinaryField())
        rows = self.filter(serial__gte=first, serial__lte=last).order_by("serial")
        told = rows.values_list("serial", "pipeline__id", "how", "scopes", "size", "since", "count", digest, "at")
        for serial, pipeline, how, scopes, size, since, count, images, at in told.iterator():
            yield Disclosed(serial, pipeline, how, scopes, size, since, count, bytes(images), at)

    def first_of(self, day: datetime, *, after: int) -> int | None:
        """The lowest serial above `after` of the day that begins then. What is later came from a clock that was ahead,
        and does not hold up the days until it.
        """
        found = self.filter(serial__gt=after, at__gte=day, at__lt=day + timedelta(days=1)).order_by("serial")
        return found.values_list("serial", flat=True).first()


class Disclosure(models.Model):
    """One answer that told something of ours to a pipeline. Insert-only, and written before the answer leaves.

    `size`: of the log, at which it was true. `scopes`: what it was about, bits by scope; for a check or a match the
    one that was asked for, for a feed those of the key at that time. `since`: of a delta, the size that its cursor
    named. `images`: the distinct ids in order, 16 bytes each. A feed's is empty, because it follows: the images of
    the pipeline's collection that were submitted before `size`. `count`: of images, or of rows sent.
    """

    serial = models.BigAutoField(primary_key=True)
    pipeline = models.ForeignKey(Pipeline, on_delete=models.PROTECT, related_name="disclosures", db_index=False)
    how = models.CharField(max_length=16, choices=[(how.value, how.value) for how in How])
    scopes = models.IntegerField(help_text="bits by scope")
    size = models.BigIntegerField()
    since = models.BigIntegerField(null=True)
    count = models.BigIntegerField()
    images = models.BinaryField()
    at = models.DateTimeField()

    objects = DisclosureQuerySet.as_manager()

    pipeline_id: int

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(how__in=NAMING, since=None, count__gt=0)
                | Q(how=How.SNAPSHOT, since=None, images=b"")
                | Q(how=How.DELTA, since__isnull=False, images=b""),
                name="disclosure_is_of_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(how__in=FEEDING) | Q(Exact(OCTETS, F("count") * IMAGE_BYTES)),
                name="disclosure_counts_its_images",
            ),
        ]
        indexes = [
            models.Index(fields=["pipeline", "-serial"], condition=Q(how__in=FEEDING), name="disclosure_of_feed"),
        ]


class DisclosedImage(models.Model):
    """That a pipeline asked about an image, for a scope, and by which disclosure first: unfolded from their sets."""

    pk = models.CompositePrimaryKey("image", "pipeline", "scope")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    pipeline = models.ForeignKey(
        Pipeline, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    scope = models.SmallIntegerField()
    first = models.BigIntegerField(help_text="serial")

    image_id: UUID
    pipeline_id: int


class Unfolded(models.Model):
    """How far disclosures were unfolded by image: one row, and whoever unfolds holds it."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    serial = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="unfolded_is_one_row")]


class DisclosureDay(models.Model):
    """A range of disclosures whose root is in the log. Insert-only; the next one begins behind `last`."""

    last = models.BigIntegerField(primary_key=True, help_text="serial")
    first = models.BigIntegerField(help_text="serial")
    count = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    act = models.UUIDField(unique=True)


def disclosing() -> None:
    """Before a serial is taken: until this transaction ends, whoever waits for what is under way waits for it.

    Raises OperationalError after a second: who waits holds a connection that a withdrawal may need.
    """
    ask(DISCLOSING, {"lock": LOCK})


def settled() -> int | None:
    """The highest serial below which none can appear any more; 0 before the first. None: not to be had just now.

    Whoever has a serial and has not committed is waited for, and nobody takes one meanwhile: for a tenth of a second at
    the longest, because all who disclose wait behind. A transaction of its own, which ends at once. A lock on the table
    would do as well, but autovacuum has that for minutes.
    """
    try:
        with transaction.atomic(durable=True):
            ask(SETTLING, {"lock": LOCK})
            return Disclosure.objects.aggregate(newest=models.Max("serial"))["newest"] or 0
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):  # somebody takes long to commit: the next call
            return None
        raise
