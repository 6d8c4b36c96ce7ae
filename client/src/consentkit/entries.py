"""What the log holds: leaves, and the commitments under them.

The bytes on the log outlive us. Kinds are only appended; a leaf of another shape is a new `v`.
No personal data enters a leaf: what an act was about stands behind salted commitments.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from consentkit import canonical
from consentkit.errors import Malformed
from consentkit.merkle import HASH_BYTES

LEAF_BYTES: Final = 1024
SALT_BYTES: Final = 32
VERSION: Final = 1


class Kind(StrEnum):
    """What an entry records. Append only: no value is ever renamed, removed or given a new meaning."""

    COLLECTION_OPENED = "collection_opened"
    PERSON_ENROLLED = "person_enrolled"
    STEWARD_ENROLLED = "steward_enrolled"
    PIPELINE_ENROLLED = "pipeline_enrolled"
    NOTICE_PUBLISHED = "notice_published"
    IMAGE_SUBMITTED = "image_submitted"
    IMAGE_REGISTERED = "image_registered"
    IMAGE_REJECTED = "image_rejected"
    DEPICTION_CONFIRMED = "depiction_confirmed"
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    REVOKED = "revoked"
    CASE_OPENED = "case_opened"
    CASE_RESOLVED = "case_resolved"
    ERASED = "erased"
    CASE_SEARCHED = "case_searched"
    ACKNOWLEDGED = "acknowledged"
    MANIFEST_ATTESTED = "manifest_attested"
    WEBHOOK_ENROLLED = "webhook_enrolled"
    SNAPSHOT_PUBLISHED = "snapshot_published"
    COLLECTION_MADE_PUBLIC = "collection_made_public"
    DISCLOSURES_LOGGED = "disclosures_logged"
    STATEMENT_CORRECTED = "statement_corrected"
    SIGNAL_LIFTED = "signal_lifted"
    CASE_EXTENDED = "case_extended"
    CASE_TAKEN_UP = "case_taken_up"
    CASE_REOPENED = "case_reopened"
    KEY_ISSUED = "key_issued"
    KEY_REVOKED = "key_revoked"
    PIPELINE_DISABLED = "pipeline_disabled"
    PIPELINE_ENABLED = "pipeline_enabled"
    WEBHOOK_SECRET_ISSUED = "webhook_secret_issued"  # noqa: S105 - a word
    WEBHOOK_SECRET_REVOKED = "webhook_secret_revoked"  # noqa: S105 - a word
    TOKEN_ISSUED = "token_issued"  # noqa: S105 - a word
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a word
    STEWARD_REMOVED = "steward_removed"
    SESSIONS_ENDED = "sessions_ended"
    ACCOUNT_MOVED = "account_moved"
    ACCOUNTS_JOINED = "accounts_joined"


@dataclass(frozen=True)
class Leaf:
    """What everyone may see of an act: kind, when recorded (Unix seconds), root of its items (32 bytes)."""

    kind: Kind
    recorded_at: int
    items: bytes

    def encode(self) -> bytes:
        """The leaf's bytes, at most `LEAF_BYTES`."""
        return canonical.encode(
            {
                "items": self.items.hex(),
                "kind": self.kind.value,
                "recorded_at": self.recorded_at,
                "v": VERSION,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The leaf of these bytes. Raises Malformed unless they are exactly what `encode` writes."""
        if len(data) > LEAF_BYTES:
            raise Malformed(f"a leaf has at most {LEAF_BYTES} bytes")
        items, kind, recorded_at, version = canonical.fields(
            canonical.decode(data), "items", "kind", "recorded_at", "v"
        )
        if canonical.whole(version) != VERSION:
            raise Malformed(f"a leaf of version {version}")
        return cls(_kind(kind), canonical.whole(recorded_at), canonical.from_hex(items, size=HASH_BYTES))


def _kind(value: object) -> Kind:
    try:
        return Kind(canonical.text(value))
    except ValueError as error:  # a kind of a newer registry, or none
        raise Malformed("no such kind of entry") from error


def commitment(salt: bytes, item: bytes) -> bytes:
    """What stands for an item in the tree: SHA-256(salt ‖ item), with 32 fresh random bytes for each item."""
    # With salts of another length, one commitment would have two openings.
    if len(salt) != SALT_BYTES:
        raise Malformed(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(salt + item).digest()
