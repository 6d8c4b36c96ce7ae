"""Forget a version of views: all that was kept of it is removed, and it is searched no longer. The log has no entry."""

from django.db import transaction

from consent.errors import VersionInUse
from consent.models import Deposit, Protection
from consentkit.fingerprints.views import VERSION


@transaction.atomic(durable=True)
def forget_version(version: int) -> int:
    """The number of protections removed; what pipelines left of this version goes with them. Raises VersionInUse."""
    if version == VERSION:
        raise VersionInUse(f"Version {version} is the one that this registry works with.")
    Deposit.objects.filter(version=version).delete()
    removed, _ = Protection.objects.filter(version=version).delete()
    return removed
