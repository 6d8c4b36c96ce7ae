"""Keys, tokens and secrets on the command line: by label, never by value."""

from datetime import datetime, timedelta
from typing import Final

from registry.reads.secrets import Held

SOON: Final = timedelta(days=30)


def line(of: Held, *, at: datetime) -> str:
    """One key or token in one line, and in words what becomes of it."""
    used = f"{of.used_at:%Y-%m-%d %H:%M}" if of.used_at else "never"
    return f"{of.label}  issued {of.issued_at:%Y-%m-%d}  used {used}  {state(of.expires_at, of.ended, at=at)}"


def state(ends_at: datetime | None, ended: str, *, at: datetime) -> str:
    """What becomes of it: a warning where it ends within 30 days."""
    if ended or ends_at is None:
        return ended or "in force"
    words = f"in force until {ends_at:%Y-%m-%d}"
    return f"{words}: it ends soon, issue another one now" if ends_at - at < SOON else words
