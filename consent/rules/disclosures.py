"""What was disclosed to whom: the forms of it, a set of images as bytes, and what a day's root is made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import numpy as np

from consentkit import canonical, merkle

WHAT: Final = "disclosures_logged"
IMAGE_BYTES: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class How(StrEnum):
    """By which answer. The first two name images; what the others told follows from feed and sizes."""

    CHECK = "check"
    MATCH = "match"
    SNAPSHOT = "snapshot"
    DELTA = "delta"


NAMING: Final = (How.CHECK, How.MATCH)
FEEDING: Final = (How.SNAPSHOT, How.DELTA)


@dataclass(frozen=True)
class Disclosed:
    """One disclosure as a day's root has it. `images` is the SHA-256 of its set; pseudonyms stay in the row."""

    serial: int
    pipeline: UUID
    how: str
    scopes: int
    size: int
    since: int | None
    count: int
    images: bytes
    at: datetime

    def encode(self) -> bytes:
        """RFC 8785 bytes; `at` in microseconds since 1970. They are evidence: a field is only ever added."""
        return canonical.encode(
            {
                "serial": self.serial,
                "pipeline": str(self.pipeline),
                "how": self.how,
                "scopes": self.scopes,
                "size": self.size,
                "since": self.since,
                "count": self.count,
                "images": self.images.hex(),
                "at": (self.at - _EPOCH) // timedelta(microseconds=1),
            }
        )


@dataclass(frozen=True)
class Day:
    """What the log says of one range: its first and last serial, how many there are, and their root (32 bytes)."""

    first: int
    last: int
    count: int
    root: bytes

    @property
    def said(self) -> dict[str, object]:
        """The particulars of its item."""
        return {"first": self.first, "last": self.last, "count": self.count, "root": self.root.hex()}


def day_of(disclosed: Iterable[Disclosed]) -> Day | None:
    """The RFC 6962 root over these, in order of serial; None over none."""
    serials, hashes = [], []
    for each in disclosed:
        serials.append(each.serial)
        hashes.append(merkle.leaf_hash(each.encode()))
    if not serials:
        return None
    root = merkle.root(len(hashes), merkle.node_from_leaves(hashes))
    return Day(serials[0], serials[-1], len(serials), root)


def set_of(images: bytes) -> bytes:
    """Of image ids one after another (16 bytes each), the distinct ones in order."""
    ids = np.frombuffer(images, f"V{IMAGE_BYTES}")
    # By their first half, which is random: six times as fast, unless two ids share it.
    heads = np.frombuffer(images, ">u8")[::2].astype(np.uint64)
    order = heads.argsort()
    heads = heads[order]
    return (np.unique(ids) if (heads[1:] == heads[:-1]).any() else ids[order]).tobytes()
