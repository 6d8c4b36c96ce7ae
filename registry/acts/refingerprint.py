"""Give a registered image the fingerprints that it lacks. No consent changes, so the log has no entry."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from consentkit.fingerprints import Fingerprint as Computed
from registry.models import Fingerprint


@transaction.atomic(durable=True)
def refingerprint(image: UUID, *, fingerprints: Sequence[Computed]) -> None:
    """One of each algorithm and version: those that it has stay as they are, of other versions too."""
    fresh = [Fingerprint(image_id=image, algorithm=f.algorithm, version=f.version, bits=f.bits) for f in fingerprints]
    Fingerprint.objects.bulk_create(fresh, ignore_conflicts=True)
