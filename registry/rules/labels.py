"""What secrets are called, so that they can be told apart without being shown."""

from collections.abc import Collection
from itertools import count
from typing import Final

from registry.errors import LabelInvalid, LabelTaken

LONGEST: Final = 60


def label_for(asked: str, *, taken: Collection[str], noun: str) -> str:
    """The label asked for; with none, `noun` and the first number that is free: `key-1`.

    Raises LabelInvalid, or LabelTaken for one that another secret of the same owner has.
    """
    if not asked:
        return next(made for number in count(1) if (made := f"{noun}-{number}") not in taken)
    if len(asked) > LONGEST or not asked.isprintable() or asked != asked.strip():
        raise LabelInvalid(f"A label is one line of 1 to {LONGEST} characters, without a space at either end.")
    if asked in taken:
        raise LabelTaken(f"{asked!r} is in use. Choose another label, or end that one first.")
    return asked
