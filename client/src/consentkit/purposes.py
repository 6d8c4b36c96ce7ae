"""What a question is about: one purpose, or several at once, which all must permit."""

from collections.abc import Iterable

from consentkit.scopes import PURPOSES
from consentkit.settings import Misuse

Purposes = str | Iterable[str]
"""A purpose by its name, or several: then only what each of them permits is permitted."""


def purposes_of(given: Purposes) -> tuple[str, ...]:
    """Each once, in the order of `scopes.PURPOSES`. Raises Misuse for none, or for one that is not ours."""
    asked = {given} if isinstance(given, str) else set(given)
    if others := sorted(str(each) for each in asked if each not in PURPOSES):
        raise Misuse(f"no such purpose: {', '.join(others)}; there are {', '.join(PURPOSES)}")
    if not asked:
        raise Misuse(f"no purpose is given; there are {', '.join(PURPOSES)}")
    return tuple(each for each in PURPOSES if each in asked)
