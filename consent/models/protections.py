"""Protections: pictures whose copies are looked for, with the views by which they are found."""

from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import Q

from consent.errors import UnknownVersion
from consent.models.cases import Case
from consentkit.fingerprints.views import VERSION
from registry.models import Image

LOCK = 0x70726F74656374  # "protect"


class ProtectionQuerySet(models.QuerySet["Protection"]):
    """Finding the work that waits, and the change that was last."""

    def latest_serial(self) -> int:
        """The number of the newest change that this transaction sees; 0 before the first."""
        return self.aggregate(newest=models.Max("serial"))["newest"] or 0

    def waiting(self) -> "ProtectionQuerySet":
        """Rows without views: this state is the queue."""
        return self.filter(views=None)


class Protection(models.Model):
    """An image that was protected once, and its views of one version. Whether it still is, its standing says.

    Or the picture that came with a request, for which its case watches: then `case` stands in the place of `image`, and
    the case's state says whether it still does.

    `serial` numbers the moments at which views were stored, in the order of commits; it never comes again. An image
    that becomes protected anew loses views and serial, and waits like a new one.
    """

    image = models.ForeignKey(Image, null=True, on_delete=models.PROTECT, related_name="protections", db_index=False)
    case = models.ForeignKey(Case, null=True, on_delete=models.PROTECT, related_name="protections", db_index=False)
    version = models.SmallIntegerField(help_text="of the views")
    views = models.BinaryField(null=True)
    serial = models.BigIntegerField(null=True, unique=True)
    searched_at = models.DateTimeField(null=True, help_text="when copies of it were looked for")

    objects = ProtectionQuerySet.as_manager()

    image_id: UUID | None
    case_id: UUID | None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "image"], name="protection_once"),
            models.UniqueConstraint(fields=["version", "case"], name="protection_of_case_once"),
            models.CheckConstraint(
                condition=Q(image=None, case__isnull=False) | Q(image__isnull=False, case=None),
                name="protection_is_of_one",
            ),
            models.CheckConstraint(
                condition=Q(views=None, serial=None) | Q(views__isnull=False, serial__isnull=False),
                name="protection_is_numbered",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(views=None), name="protection_waiting"),
            models.Index(fields=["serial"], condition=Q(searched_at=None), name="protection_unsearched"),
        ]


def refuse_unknown_version(version: int) -> None:
    """Searched are the version that we make and those not forgotten yet. Raises UnknownVersion."""
    if version == VERSION:
        return
    known = sorted({VERSION, *Protection.objects.values_list("version", flat=True).distinct()})
    if version not in known:
        raise UnknownVersion(f"There is no version {version} here. Searched: {', '.join(map(str, known))}.")


def hold_back_searches() -> None:
    """For the rest of this transaction, no search for copies begins: what it would miss is being registered."""
    _lock("pg_advisory_xact_lock_shared")


def next_serial() -> int:
    """The next number. Whoever has one commits before another is given, so that none is seen before a smaller one."""
    _lock("pg_advisory_xact_lock")
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('consent_protection_change')")
        (serial,) = cursor.fetchone()
    return int(serial)


def wait_for_registrations() -> None:
    """Return when every registration that was under way has ended: those begun later know what is protected now.

    A transaction of its own, because in a reader's the rows would be those from before the wait.
    """
    with transaction.atomic(durable=True):
        _lock("pg_advisory_xact_lock")


def _lock(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [LOCK])  # one of our own two words
