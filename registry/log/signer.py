"""The log's key. It is read from the environment or a file; there is no default."""

from functools import lru_cache

from django.conf import settings

from consentkit.notes import Signer, Verifier


@lru_cache(maxsize=1)
def signer() -> Signer:
    """The Ed25519 signer whose name is the log's origin."""
    return Signer.parse(settings.LOG_SIGNING_KEY)


def verifier() -> Verifier:
    """What the world checks our notes with (a C2SP verifier key)."""
    return signer().verifier


def origin() -> str:
    return verifier().name
