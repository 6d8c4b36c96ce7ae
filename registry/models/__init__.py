"""One file a noun."""

from registry.models import bulk  # noqa: F401 - registers the `any` lookup
from registry.models.collections import Collection
from registry.models.fingerprints import Fingerprint
from registry.models.images import Depiction, Derivation, Image, Source
from registry.models.log import Checkpoint, Commitment, Entry, LogHead, Opening, Tile
from registry.models.people import Account, Person, PersonToken, StewardToken

__all__ = [
    "Account",
    "Checkpoint",
    "Collection",
    "Commitment",
    "Depiction",
    "Derivation",
    "Entry",
    "Fingerprint",
    "Image",
    "LogHead",
    "Opening",
    "Person",
    "PersonToken",
    "Source",
    "StewardToken",
    "Tile",
]
