"""Which error ends a command with which exit code."""

from typing import Final

from consentkit.errors import BadProof, ConsentkitError, Malformed, Stale, Unreachable
from consentkit.settings import Misuse

ERROR: Final = 1
EXCLUDED: Final = 3
UNKNOWN: Final = 4

_CODES: Final[dict[type[ConsentkitError], int]] = {
    Misuse: 2,
    Unreachable: 5,
    Malformed: 6,
    BadProof: 6,
    Stale: 7,
}


def exit_code(error: ConsentkitError) -> int:
    """The code of the nearest class that has one; any other error is 1."""
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), ERROR)
