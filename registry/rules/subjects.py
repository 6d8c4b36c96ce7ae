"""Who is shown in a picture, as the one who brings it states it. There is no default: silence is a refusal (law 1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from registry.errors import AddressInvalid, SubjectsUnclear
from registry.rules import addresses

SELF: Final = "self"
UNKNOWN: Final = "unknown"
NOBODY: Final = "nobody"
WORDS: Final = (SELF, UNKNOWN, NOBODY)
MOST: Final = 20  # named people in one picture


@dataclass(frozen=True)
class Subjects:
    """`oneself`: whoever states it. `addresses`: people named by where an invitation reaches them. `unknown`: there are
    people of whom nobody knows who they are. All empty: nobody can be recognised.
    """

    oneself: bool = False
    addresses: frozenset[str] = frozenset()
    unknown: bool = False

    @classmethod
    def read(cls, words: Iterable[str]) -> Self:
        """From `self`, `unknown`, `nobody` and addresses. Raises SubjectsUnclear, which says what is missing."""
        stated = list(words)
        if not stated:
            raise SubjectsUnclear("Say who is shown: self, unknown, nobody, or the address of each other person.")
        if NOBODY in stated and set(stated) != {NOBODY}:
            raise SubjectsUnclear("Either nobody is shown, or somebody is.")
        named = frozenset(address(word) for word in stated if word not in WORDS)
        if len(named) > MOST:
            raise SubjectsUnclear(f"At most {MOST} people can be named in one picture. Say unknown for the others.")
        return cls(oneself=SELF in stated, addresses=named, unknown=UNKNOWN in stated)

    @property
    def nobody(self) -> bool:
        return not (self.oneself or self.addresses or self.unknown)

    def __or__(self, other: "Subjects") -> "Subjects":
        """Everybody of both."""
        return Subjects(
            self.oneself or other.oneself, self.addresses | other.addresses, unknown=self.unknown or other.unknown
        )

    def words(self) -> list[str]:
        """As `read` takes them."""
        named = [SELF] * self.oneself + sorted(self.addresses) + [UNKNOWN] * self.unknown
        return named or [NOBODY]


def address(word: str) -> str:
    """The one form of an address. Raises SubjectsUnclear for a word that is none."""
    try:
        return addresses.canonical(word.strip())
    except AddressInvalid as fault:
        words = f"{word[:80]!r} is not self, unknown, nobody or an address. {fault.detail}"
        raise SubjectsUnclear(words) from fault
