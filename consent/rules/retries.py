"""When a delivery is tried again: for three days, so that an outage over a long weekend loses nothing."""

from datetime import timedelta
from typing import Final

_S, _M, _H = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
GAPS: Final = (
    5 * _S,
    30 * _S,
    2 * _M,
    5 * _M,
    15 * _M,
    30 * _M,
    1 * _H,
    2 * _H,
    5 * _H,
    10 * _H,
    14 * _H,
    20 * _H,
    24 * _H,
)
"""Between one attempt and the next: 76.9 hours in all."""
JITTER: Final = 0.2
LEASE: Final = timedelta(seconds=60)
"""For which one attempt belongs to one worker; killed, its attempt counts, and another tries when this is over."""


def gap(failed: int, *, chance: float) -> timedelta | None:
    """The pause after this many failed attempts, up to a fifth longer by `chance` (0 to 1); None: it was the last.

    Never shorter: that would end before the three days are over.
    """
    if failed > len(GAPS):
        return None
    return GAPS[failed - 1] * (1 + JITTER * chance)
