"""The entry of a published snapshot: how a pipeline sees that the list it was given is the one that the log holds.

Whoever is shown a list finds its digest in the log under the checkpoint that it trusts, or refuses it. At one size a
feed has one such entry, so two lists for two pipelines would both stand in that log, where an auditor sees them.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

from consentkit import canonical, merkle
from consentkit.closes import Close, PartList, digest_of
from consentkit.entries import SALT_BYTES, Kind, Leaf, commitment
from consentkit.errors import BadProof

WHAT: Final = "snapshot_published"


@dataclass(frozen=True)
class Logged:
    """Where the log holds a snapshot: its entry's index, and the salt (32 bytes) of the entry's only item."""

    index: int
    salt: bytes

    @classmethod
    def read(cls, value: object) -> Self:
        """As the registry sends it, `{"index", "salt"}`. Raises Malformed."""
        index, salt = canonical.fields(value, "index", "salt")
        return cls(canonical.whole(index), canonical.from_hex(salt, size=SALT_BYTES))

    def sent(self) -> dict[str, object]:
        """As the registry sends it."""
        return {"index": self.index, "salt": self.salt.hex()}


def particulars(note: str, parts: PartList, close: Close) -> dict[str, Any]:
    """What the item says besides `what`: whose feed, at which size, the SHA-256 of the list's note, and the sum."""
    return {
        "collection": parts.collection,
        "audience": parts.audience,
        "purposes": list(parts.purposes),
        "size": parts.size,
        "list": digest_of(note),
        "count": close.count,
        "digest": close.digest,
    }


def require_leaf(leaf: bytes, *, salt: bytes, said: dict[str, Any]) -> None:
    """Raises BadProof, or Malformed, unless the leaf is the entry of a snapshot of which `particulars` says this."""
    read = Leaf.decode(leaf)
    committed = commitment(salt, canonical.encode({"what": WHAT, **said}))
    if read.kind is not Kind.SNAPSHOT_PUBLISHED or read.items != merkle.items_root([committed]):
        raise BadProof(
            "the log holds another snapshot than the one that was sent: use nothing of it, "
            "and ask the registry's operator"
        )
