"""What makes one picture a copy of another, as it was measured."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Likeness:
    """`image` looks like `of` (None: a picture that somebody asks about), and is what a case would restrict.

    `distance`: bits of 248 in the nearest views; `alteration`: a word for what was done; `likeness`: -1 to 1, of the
    pixels; None where only one of the two pictures is kept.
    """

    image: UUID
    of: UUID | None
    distance: int
    alteration: str
    likeness: float | None


def first_of_each(likenesses: Iterable[Likeness]) -> dict[UUID, Likeness]:
    """By image, in the order given; of one that looks like several pictures, the first."""
    found: dict[UUID, Likeness] = {}
    for each in likenesses:
        found.setdefault(each.image, each)
    return found


@dataclass(frozen=True)
class Sighting:
    """A picture that a pipeline (its serial) left under `key` looks like `image`."""

    pipeline: int
    key: str
    image: UUID
    distance: int
    alteration: str
