"""Forget the fingerprints of an old version: images have newer ones. No consent changes, so the log has no entry."""

from registry.models import Fingerprint


def forget_fingerprints(algorithm: str, *, version: int) -> int:
    """How many were removed. One statement."""
    return Fingerprint.objects.filter(algorithm=algorithm, version=version).delete()[0]
