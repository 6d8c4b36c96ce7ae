"""How long something may be read: to its end by the clock, and never longer than that was when it began.

Invariant
  * A clock that is set back prolongs nothing: time goes on as the machine's monotonic clock does.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from consentkit.errors import LeaseEnded


@dataclass
class Term:
    """`ends`, Unix seconds. `what` ended then, and the `remedy`, are said in LeaseEnded."""

    ends: float
    what: str
    remedy: str
    _begun: float = field(default_factory=lambda: time.time())
    _since: float = field(default_factory=lambda: time.monotonic())

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
        """Now, in Unix seconds. Raises LeaseEnded."""
        if (now := self.now()) >= self.ends:
            raise LeaseEnded(f"{self.what} has ended its term: {self.remedy}")
        return now

    def __getstate__(self) -> dict[str, Any]:
        """Another machine has another monotonic clock: it begins there at this machine's time."""
        return {"ends": self.ends, "what": self.what, "remedy": self.remedy, "_begun": self.now()}

    def __setstate__(self, given: dict[str, Any]) -> None:
        self.__init__(**given)  # type: ignore[misc]
