"""The life of an image, as one table; each state says who moves next."""

from enum import StrEnum
from typing import Final

from registry.errors import MoveRefused


class ImageState(StrEnum):
    """States of an image in the registry."""

    SUBMITTED = "submitted"  # the registry moves next: a worker decodes it
    REGISTERED = "registered"  # the contributor moves next: grant
    REJECTED = "rejected"  # nobody: submit a better picture

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        return [(state.value, state.value) for state in cls]


class ImageMove(StrEnum):
    """What a worker can say of a submitted image."""

    REGISTER = "register"
    REJECT = "reject"


MOVES: Final = {
    (ImageState.SUBMITTED, ImageMove.REGISTER): ImageState.REGISTERED,
    (ImageState.SUBMITTED, ImageMove.REJECT): ImageState.REJECTED,
}


def after(state: ImageState, move: ImageMove) -> ImageState:
    """The state after a move; raises MoveRefused where the table has none."""
    try:
        return MOVES[state, move]
    except KeyError:  # this state has no such move
        raise MoveRefused(f"an image that is {state} cannot {move}") from None
