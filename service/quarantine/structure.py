"""What a file says of itself, read without decoding: its sides, and whether it is whole."""

from dataclasses import dataclass

from consentkit.formats import Slug


@dataclass(frozen=True)
class Structure:
    """`size`: width and height in pixels as stored, None when the file ends or breaks before saying.

    `damage`: what is wrong with the file's frame, reported only after all that the sides already forbid.
    """

    size: tuple[int, int] | None
    moving: bool = False
    damage: Slug | None = None
