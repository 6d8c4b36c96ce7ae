"""Note the use of a token or a session, for its owner to see. No consent changes; the log has no entry.

A use is worth less than what it is for: where nothing can be written (a full disk, a replica), nothing is noted.
"""

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import DatabaseError, models

from registry.models import PersonToken, Session

EVERY: Final = timedelta(minutes=5)
log = logging.getLogger(__name__)


def note_token(token: UUID, *, at: datetime) -> None:
    """To within five minutes."""
    _note(PersonToken.objects.filter(id=token), at)


def note_session(key: str, *, at: datetime) -> None:
    """The same of a session, by its key."""
    _note(Session.objects.filter(session_key=key), at)


def _note(rows: models.QuerySet[PersonToken] | models.QuerySet[Session], at: datetime) -> None:
    try:
        rows.filter(models.Q(used_at=None) | models.Q(used_at__lt=at - EVERY)).update(used_at=at)
    except DatabaseError as error:
        log.warning("a use was not noted: %s", error)
