"""What a simulated registry has recorded, in memory: acts, their leaves, and the rows that follow from them."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from consentkit import scopes
from consentkit.entries import Kind, Leaf
from consentkit.merkle import HASH_BYTES, leaf_hash

Standing = Mapping[str, tuple[int | None, str | None]]
"""Per purpose: until (Unix seconds) and the reason that a pipeline sees."""


@dataclass(frozen=True)
class Row:
    """One image of the feed, and the index of the last act on it."""

    image: UUID
    sha256: bytes
    standing: Standing
    act: int


@dataclass(frozen=True)
class Act:
    """What one entry did: the new standings of some images. `items` stands for the leaf's salted root."""

    kind: Kind
    recorded_at: int
    images: Mapping[UUID, tuple[bytes, Standing]]
    items: bytes = field(default_factory=lambda: secrets.token_bytes(HASH_BYTES))

    @cached_property
    def leaf(self) -> bytes:
        """The entry's bytes."""
        return Leaf(self.kind, self.recorded_at, self.items).encode()

    @cached_property
    def leaf_hash(self) -> bytes:
        """Its hash in the log's tree."""
        return leaf_hash(self.leaf)


def rows_at(acts: Iterable[Act]) -> dict[UUID, Row]:
    """The feed after these acts: for each image what the last act on it said."""
    rows: dict[UUID, Row] = {}
    for index, act in enumerate(acts):
        for image, (sha256, standing) in act.images.items():
            rows[image] = Row(image, sha256, standing, index)
    return rows


def digest(rows: Iterable[Row], *, purposes: Iterable[str], audience: str) -> int:
    """The feed's digest, row by row as the definition says it."""
    wanted = [(purpose, scopes.scope(purpose, audience)) for purpose in purposes]
    return (
        sum(
            scopes.row_digest(row.image.bytes, row.sha256, scope, *row.standing[purpose])
            for row in rows
            for purpose, scope in wanted
        )
        % scopes.FEED_MODULUS
    )
