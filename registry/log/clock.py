"""The latest time that was seen here. It only rises, while nothing happens too, so that a clock that was set back is
noticed after the quietest night (law 11).

Whoever asks raises it, at most every few seconds; the publisher keeps it outside the database as well.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import InternalError, connection
from psycopg.errors import ReadOnlySqlTransaction

from registry.models import LogClock
from registry.models.bulk import ask

EVERY: Final = timedelta(seconds=5)
TOLERANCE: Final = timedelta(seconds=60)
"""By which two honest clocks of one registry may differ."""

# One row: whoever finds it locked leaves it to the one who holds it.
RAISE: Final = """
    UPDATE registry_logclock SET at = %(at)s WHERE id IN (
        SELECT id FROM registry_logclock WHERE at < %(at)s FOR UPDATE SKIP LOCKED
    )
"""
_raised: dict[str, datetime] = {}  # by database: when this process raised it last


def see(at: datetime) -> None:
    """Raise the mark to this time, durably. Inside a transaction nothing is done: it might be rolled back."""
    name = str(connection.settings_dict["NAME"])
    if connection.in_atomic_block or (name in _raised and at < _raised[name] + EVERY):
        return
    try:
        ask(RAISE, {"at": at})
    except InternalError as error:
        if not isinstance(error.__cause__, ReadOnlySqlTransaction):  # a replica, which is a doubt of its own
            raise
    _raised[name] = at


def latest() -> datetime:
    """The mark, as this transaction sees it."""
    return LogClock.objects.values_list("at", flat=True).get()


def seconds_behind(at: datetime, *times: datetime | None) -> int:
    """By how much this time is earlier than the latest of these, in seconds; 0 within the tolerance."""
    behind = max((time - at for time in times if time is not None), default=timedelta())
    return int(behind.total_seconds()) if behind > TOLERANCE else 0
