"""What a key opens: one collection, some purposes, one audience. It says in which folder the state is kept.

So a state, its pins and what was trusted outlive the key and the registry's address: another key of the same pipeline
goes on with them, and one for anything else never comes near. What a key opens is what the log's key signed in the
snapshot that the registry offered to it; it is written down, and read without asking anybody from then on.
"""

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from consentkit import canonical, signing
from consentkit.closes import PartList, open_list
from consentkit.errors import Malformed
from consentkit.feeds import Feed
from consentkit.notes import Verifier
from consentkit.settings import Settings

_FOLDER: Final = "keys"
_PARTIAL: Final = ".part"


@dataclass(frozen=True)
class Access:
    """One feed."""

    collection: str
    audience: str
    purposes: tuple[str, ...]

    @classmethod
    def of(cls, parts: PartList) -> Self:
        """That of a signed list."""
        return cls(parts.collection, parts.audience, parts.purposes)

    def named(self) -> str:
        """What the folder of its state is called after: the same for each key and address."""
        return "\n".join([self.collection, self.audience, *self.purposes])


def remembered(settings: Settings) -> Access | None:
    """What the key opened when it was last asked for; None where that was never asked, or the file was changed."""
    path, secret = _path(settings), _secret(settings)
    try:
        collection, audience, purposes, mac = canonical.fields(
            canonical.decode(path.read_bytes()), "collection", "audience", "purposes", "mac"
        )
        found = Access(
            canonical.text(collection),
            canonical.text(audience),
            tuple(map(canonical.text, canonical.array(purposes))),
        )
        return found if hmac.compare_digest(canonical.text(mac), _mac(found, path, secret)) else None
    except (FileNotFoundError, Malformed):  # never asked, or cut: it is asked again
        return None


def asked(feed: Feed, settings: Settings, verifier: Verifier) -> Access:
    """What the registry signs for this key; written down. Raises as a sync."""
    found = Access.of(open_list(feed.snapshot().list, verifier))
    path, secret = _path(settings), _secret(settings)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_suffix(_PARTIAL)
    said = {"collection": found.collection, "audience": found.audience, "purposes": list(found.purposes)}
    partial.write_bytes(canonical.encode({**said, "mac": _mac(found, path, secret)}))
    partial.replace(path)
    return found


def _path(settings: Settings) -> Path:
    named = hashlib.sha256(f"consentkit key\n{settings.require_key()}".encode()).hexdigest()
    return settings.home / _FOLDER / named[:32]


def _secret(settings: Settings) -> bytes:
    """This machine's own: whoever can write the folder, and not read it, cannot lead a key to another's state."""
    return signing.signer(settings.home).encode().encode()


def _mac(of: Access, path: Path, secret: bytes) -> str:
    said = "\n".join([path.name, of.collection, of.audience, *of.purposes])
    return hmac.new(secret, said.encode(), hashlib.sha256).hexdigest()
