"""One file a noun."""

from registry.models import bulk  # noqa: F401 - registers the `any` lookup
from registry.models.collections import Collection
from registry.models.fingerprints import Fingerprint
from registry.models.images import Bringing, Depiction, Derivation, Image
from registry.models.log import Checkpoint, Commitment, Entry, LogClock, LogHead, LostSize, Opening, Tile
from registry.models.people import Account, Person, PersonToken, StewardToken
from registry.models.secrets import Secret, SecretQuerySet
from registry.models.sessions import Session
from registry.models.signals import Signal

__all__ = [
    "Account",
    "Bringing",
    "Checkpoint",
    "Collection",
    "Commitment",
    "Depiction",
    "Derivation",
    "Entry",
    "Fingerprint",
    "Image",
    "LogClock",
    "LogHead",
    "LostSize",
    "Opening",
    "Person",
    "PersonToken",
    "Secret",
    "SecretQuerySet",
    "Session",
    "Signal",
    "StewardToken",
    "Tile",
]
