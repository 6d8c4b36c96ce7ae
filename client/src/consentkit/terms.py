"""How long something may be read: to its end by the clock, and never longer than that was when it began.

Invariant
  * A clock that is set back prolongs nothing: time goes on as the machine's monotonic clock does.
"""

import time
from typing import Any

from consentkit.errors import LeaseEnded, Stale
from consentkit.trust import CLOCK_SKEW


class Term:
    """Ends at `ends`, Unix seconds. `what` ended then, and the `remedy`, are said in LeaseEnded."""

    def __init__(self, ends: float, what: str, remedy: str, *, begun: float = 0) -> None:
        """`begun`: when it began elsewhere, Unix seconds; otherwise now."""
        self.ends, self._what, self._remedy = ends, what, remedy
        self._begun, self._since = max(begun, time.time()), time.monotonic()

    def now(self) -> float:
        """Unix seconds; at least those when it began, and what has passed since."""
        return max(time.time(), self._begun + time.monotonic() - self._since)

    def remaining(self) -> float:
        """Seconds, 0 once it has ended."""
        return max(self.ends - self.now(), 0.0)

    @property
    def ended(self) -> bool:
        """Whether nothing may be read any more."""
        return self.now() >= self.ends

    def require(self) -> float:
        """Now, in Unix seconds. Raises LeaseEnded, or Stale where the clock was set back: a doubt."""
        if (now := self.now()) >= self.ends:
            raise LeaseEnded(f"{self._what} has ended its term: {self._remedy}")
        if time.time() < now - CLOCK_SKEW:
            raise Stale("the clock moved back since this was begun: set this machine's clock, then begin again")
        return now

    def __getstate__(self) -> dict[str, Any]:
        """Another machine has another monotonic clock: it begins there at this machine's time."""
        return {"ends": self.ends, "what": self._what, "remedy": self._remedy, "begun": self.now()}

    def __setstate__(self, given: dict[str, Any]) -> None:
        self.__init__(**given)  # type: ignore[misc]
