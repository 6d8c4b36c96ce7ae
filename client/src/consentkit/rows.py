"""The rows of a feed: for each image its digest and, per purpose, until when or why not.

Invariants
  * Rows are in order of digest, then image; no image stands there twice.
  * A feed's digest is the sum of its rows' digests, so it can be carried forward by what changed.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from consentkit import scopes

SHA256_BYTES: Final = 32
IMAGE_BYTES: Final = 16
KEY_BYTES: Final = SHA256_BYTES + IMAGE_BYTES

Bytes = NDArray[np.uint8]

_ROW_BYTES: Final = KEY_BYTES + 2 + 8 + 1
_HASHED_AT_ONCE: Final = 1 << 16


@dataclass(frozen=True)
class Rows:
    """`sha256` n x 32, `image` n x 16; `until` (Unix seconds, 0: none) and `reason` (wire code), purposes x n."""

    purposes: tuple[str, ...]
    audience: str
    sha256: Bytes
    image: Bytes
    until: NDArray[np.int64]
    reason: Bytes

    @classmethod
    def empty(cls, purposes: tuple[str, ...], audience: str) -> Self:
        """No image at all."""
        return cls(
            purposes,
            audience,
            np.empty((0, SHA256_BYTES), np.uint8),
            np.empty((0, IMAGE_BYTES), np.uint8),
            np.empty((len(purposes), 0), np.int64),
            np.empty((len(purposes), 0), np.uint8),
        )

    def __len__(self) -> int:
        return len(self.sha256)

    def digest(self) -> int:
        """What the close must say of exactly these rows."""
        total = 0
        for start in range(0, len(self), _HASHED_AT_ONCE):
            some = slice(start, start + _HASHED_AT_ONCE)
            total += sum(self._packed_digest(some, position) for position in range(len(self.purposes)))
        return total % scopes.FEED_MODULUS

    def _packed_digest(self, some: slice, position: int) -> int:
        """The sum of `scopes.row_digest` over these rows for one purpose, packed at once for speed."""
        scope = scopes.scope(self.purposes[position], self.audience)
        packed = np.empty((len(self.sha256[some]), _ROW_BYTES), np.uint8)
        packed[:, :IMAGE_BYTES] = self.image[some]
        packed[:, IMAGE_BYTES:KEY_BYTES] = self.sha256[some]
        packed[:, KEY_BYTES : KEY_BYTES + 2] = divmod(scope, len(scopes.AUDIENCES))
        packed[:, KEY_BYTES + 2 : -1] = self.until[position, some].astype(">u8").view(np.uint8).reshape(-1, 8)
        packed[:, -1] = self.reason[position, some]
        data = packed.tobytes()
        hashed = [hashlib.sha256(data[at : at + _ROW_BYTES]).digest() for at in range(0, len(data), _ROW_BYTES)]
        return sum(int.from_bytes(each, "big") for each in hashed)

    def taken(self, positions: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """The rows at these positions, in this order."""
        return type(self)(
            self.purposes,
            self.audience,
            self.sha256[positions],
            self.image[positions],
            self.until[:, positions],
            self.reason[:, positions],
        )

    def keys(self) -> NDArray[np.bytes_]:
        """Digest and image as one sortable value. NumPy drops zero bytes at the end of what it shows, not of
        what it compares: all keys have one length.
        """
        return as_keys(self.sha256, self.image)

    def in_order(self) -> bool:
        """Whether the rows are in order and no image is there twice."""
        for start in range(0, len(self), _HASHED_AT_ONCE):
            some = slice(start, start + _HASHED_AT_ONCE + 1)  # one more, to compare across the edge
            keys = as_keys(self.sha256[some], self.image[some])
            if not (keys[:-1] < keys[1:]).all():
                return False
        return True

    def sorted(self) -> Self:
        """In order; of rows of one digest and image, the last."""
        order = np.argsort(self.keys(), kind="stable")
        keys = self.keys()[order]
        last = np.ones(len(keys), bool)
        last[:-1] = keys[:-1] != keys[1:]
        return self.taken(order[last])

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """One after the other; all of the scopes of the first."""
        return cls(
            parts[0].purposes,
            parts[0].audience,
            np.concatenate([part.sha256 for part in parts]),
            np.concatenate([part.image for part in parts]),
            np.concatenate([part.until for part in parts], axis=1),
            np.concatenate([part.reason for part in parts], axis=1),
        )


def as_keys(sha256: Bytes, image: Bytes) -> NDArray[np.bytes_]:
    """n x 32 and n x 16 as n values that sort."""
    joined = np.ascontiguousarray(np.concatenate([sha256, image], axis=1))
    return joined.view(f"S{KEY_BYTES}").reshape(-1)


def changed(rows: Rows, delta: Rows, *, digest: int) -> tuple[Rows, int]:
    """The rows after a delta, and their digest, given the digest before. `delta` is in order (`Rows.sorted`)."""
    keys, new = rows.keys(), delta.keys()
    at = np.searchsorted(keys, new)
    known = np.zeros(len(new), bool)
    inside = at < len(keys)
    known[inside] = keys[at[inside]] == new[inside]
    digest += delta.digest() - rows.taken(at[known]).digest()
    until, reason = rows.until.copy(), rows.reason.copy()
    until[:, at[known]] = delta.until[:, known]
    reason[:, at[known]] = delta.reason[:, known]
    where, fresh = at[~known], delta.taken(~known)
    after = Rows(
        rows.purposes,
        rows.audience,
        np.insert(rows.sha256, where, fresh.sha256, axis=0),
        np.insert(rows.image, where, fresh.image, axis=0),
        np.insert(until, where, fresh.until, axis=1),
        np.insert(reason, where, fresh.reason, axis=1),
    )
    return after, digest % scopes.FEED_MODULUS
