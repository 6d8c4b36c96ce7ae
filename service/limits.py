"""How often something may be done. Counted in PostgreSQL (law 9), each time in one statement, so that of any number at
the same moment exactly the allowed ones pass.

What is counted is the source, alone or with the address that is written to, never an address alone: else whoever asks
in somebody's name would use up what is theirs (law 14). A refused try uses up nothing.

Each counter is one moment, `full_at`: when all that was used will have come back (the generic cell rate algorithm of
ITU-T I.371). A use moves it by `within / times`; it never lies further ahead than `within`. The clock is PostgreSQL's,
read once the counter is locked: with the callers' clocks, one that is a little behind would be refused too early.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from service.problems import Problem
from service.sources import source_of

# A moment that lies further ahead than it can was written before the clock was set back: it counts for nothing.
USE: Final = """
    INSERT INTO service_limit AS kept (key, full_at) VALUES (%(key)s, clock_timestamp() + %(each)s)
    ON CONFLICT (key) DO UPDATE SET full_at = %(each)s +
        CASE WHEN kept.full_at BETWEEN clock_timestamp() AND clock_timestamp() + %(within)s + interval '1 minute'
             THEN kept.full_at ELSE clock_timestamp() END
    WHERE kept.full_at + %(each)s <= clock_timestamp() + %(within)s
        OR kept.full_at > clock_timestamp() + %(within)s + interval '1 minute'
    RETURNING 1
"""
WAIT: Final = "SELECT full_at + %(each)s - %(within)s - clock_timestamp() FROM service_limit WHERE key = %(key)s"
FORGET: Final = "DELETE FROM service_limit WHERE full_at < clock_timestamp()"


@dataclass(frozen=True)
class Limit:
    """At most `times` within any `within`; used up, one more comes back each `within / times`."""

    name: str
    times: int
    within: timedelta


AN_HOUR: Final = timedelta(hours=1)
CODES = Limit("codes", 300, AN_HOUR)  # by source: a school, or all whom a carrier gives one address
CODES_TO_ADDRESS = Limit("codes to an address", 10, AN_HOUR)  # by source and address: a mailbox is not flooded
GUESSES = Limit("guesses", 10, timedelta(minutes=10))  # of one code, while it is good
REQUESTS = Limit("requests", 20, AN_HOUR)  # by source
TOKENS = Limit("tokens", 20, AN_HOUR)  # by source; a steward's token


def use(limit: Limit, *subject: str) -> timedelta | None:
    """Count one use by this subject. None if it is allowed, else how long until the next one is."""
    key = salted_hmac("service.limits", "\n".join((limit.name, *subject)), algorithm="sha256").digest()
    asked: dict[str, Any] = {"key": key, "each": limit.within // limit.times, "within": limit.within}
    with connection.cursor() as cursor:
        cursor.execute(USE, asked)
        if cursor.fetchone() is not None:
            return None
        cursor.execute(WAIT, asked)
        (wait,) = cursor.fetchone() or (timedelta(),)  # none: it was forgotten just now
    return max(wait, timedelta())


def require_rate(request: HttpRequest, limit: Limit, *subject: str) -> None:
    """Count one use by whoever asks, of this subject if there is one. Raises Problem once there were too many."""
    wait = use(limit, source_of(request), *subject)
    if wait is not None:
        seconds = int(wait.total_seconds()) + 1
        words = f"There have been too many from where you are. Try again in {seconds} seconds."
        raise Problem("rate-limited", words, headers={"Retry-After": f"{seconds}"}, seconds=seconds)


def forget() -> int:
    """Remove the counters that stand for nothing any more; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET)
        return int(cursor.rowcount)
