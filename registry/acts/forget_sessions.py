"""Forget sessions whose time is over. They open nothing; the log has no entry."""

from datetime import datetime

from registry.models import Session


def forget_sessions(*, at: datetime) -> int:
    """How many."""
    forgotten, _ = Session.objects.filter(expire_date__lte=at).delete()
    return forgotten
