"""What an act says of one image or one person: the item behind a commitment.

Items outlive us on the log: a field is only ever added, never renamed. The fold in `consent/exclusions/fold.py` reads
them; whatever a standing depends on must be in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from consentkit import canonical


@dataclass(frozen=True)
class Item:
    """One item: `what` happened, to which image and person (pseudonyms), and its particulars."""

    what: str
    image: UUID | None = None
    person: UUID | None = None
    particulars: Mapping[str, object] | None = None

    def encode(self) -> bytes:
        """RFC 8785 bytes; absent image and person are left out."""
        body: dict[str, object] = {"what": self.what, **(self.particulars or {})}
        if self.image is not None:
            body["image"] = str(self.image)
        if self.person is not None:
            body["person"] = str(self.person)
        return canonical.encode(body)
