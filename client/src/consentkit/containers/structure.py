"""What a file says of itself, read without decoding: its sides, its pictures, and whether it is whole."""

import mmap
from dataclasses import dataclass

from consentkit.formats import Slug

File = bytes | mmap.mmap


@dataclass(frozen=True)
class Structure:
    """`size`: width and height in pixels as stored, None when the file ends or breaks before saying.

    `moving`: it holds more than one picture (a preview of the same picture, a gain map or a film behind it is none).
    `damage`: what is wrong with the file's frame, reported only after all that the sides already forbid.
    `end`: how many bytes the first picture takes, None for all. `ended`: an end marker stands there.
    """

    size: tuple[int, int] | None
    moving: bool = False
    damage: Slug | None = None
    end: int | None = None
    ended: bool = True
