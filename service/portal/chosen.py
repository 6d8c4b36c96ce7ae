"""Which pictures a form is about: `pictures` is the word `all`, or some of the person's pictures by number."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from consent.reads.pictures import Picture
from registry.errors import NotFound

ALL: Final = "all"
Numbers = list[UUID] | Literal["all"]


@dataclass(frozen=True)
class Selection:
    """What was ticked, and the pictures that this means now."""

    numbers: Numbers
    pictures: list[Picture]

    @property
    def every(self) -> bool:
        return self.numbers == ALL

    @property
    def words(self) -> list[str]:
        """What the next form sends along."""
        return [ALL] if self.numbers == ALL else [str(number) for number in self.numbers]


def selection(words: Iterable[str], *, theirs: list[Picture]) -> Selection | None:
    """None when nothing was ticked. Raises NotFound for a picture that is not theirs, in the act's words."""
    said = list(words)
    if not said:
        return None
    if ALL in said:
        return Selection(ALL, theirs)
    numbers = [_number(word) for word in dict.fromkeys(said)]
    by_number = {picture.image: picture for picture in theirs}
    if set(numbers) - by_number.keys():
        raise NotFound("At least one of these images is not among yours.")
    return Selection(numbers, [by_number[number] for number in numbers])


def _number(word: str) -> UUID:
    try:
        return UUID(word)
    except ValueError:  # not a number at all: nobody's picture
        raise NotFound("At least one of these images is not among yours.") from None
