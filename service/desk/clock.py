"""The legal clock of a case, in words and a colour."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from consent.reads.cases import Docket

SOON: Final = 7  # days


@dataclass(frozen=True)
class Clock:
    """`tone`: `fine`, `soon`, `overdue` or `closed`."""

    tone: str
    words: str


def clock(docket: Docket, *, at: datetime) -> Clock:
    """In days of the calendar, UTC."""
    if docket.resolved_at is not None:
        return Clock("closed", _("Decided"))
    return until(docket.due_at, at=at)


def until(due_at: datetime, *, at: datetime) -> Clock:
    """The same of anything that is due."""
    days = (due_at.date() - at.date()).days
    if days < 0:
        return Clock("overdue", ngettext("Overdue by %d day", "Overdue by %d days", -days) % -days)
    if days == 0:
        return Clock("overdue", _("Due today"))
    said = ngettext("Due in %d day", "Due in %d days", days) % days
    return Clock("soon" if days < SOON else "fine", said)
