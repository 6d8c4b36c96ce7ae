"""Sessions: where an account is signed in. Django's own way to keep whose a session is beside its data."""

from datetime import datetime
from typing import Any, ClassVar, Final, cast
from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models

from registry.models.people import Account

SIGN_IN: Final = "sign_in"
"""Where a session keeps `{"number", "browser", "at"}` of the sign-in that began it."""


class SessionManager(BaseSessionManager["Session"]):
    """Finds them by account, never by key."""


class Session(AbstractBaseSession):
    """One browser's. Whoever has not signed in has no account, number and time.

    `number` names it without saying its key, and stays when Django changes the key: for a moment two rows have it.
    `browser`: which, as far as it says so itself. `used_at`: to within some minutes.
    """

    account = models.ForeignKey(Account, null=True, on_delete=models.CASCADE, related_name="sessions")
    number = models.UUIDField(null=True)
    browser = models.CharField(max_length=60, blank=True)
    begun_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    objects: ClassVar[SessionManager] = SessionManager()

    account_id: int | None

    def save(self, *args: Any, force_update: bool = False, **kwargs: Any) -> None:
        """A later save leaves alone what `note_use` wrote."""
        if force_update:
            kwargs["update_fields"] = ["session_data", "expire_date", "account", "number", "browser", "begun_at"]
        super().save(*args, force_update=force_update, **kwargs)

    @classmethod
    def get_session_store_class(cls) -> "type[SessionStore]":
        return SessionStore


class SessionStore(DatabaseStore):
    """`SESSION_ENGINE`. A row that was deleted is never written again, so what has ended stays ended."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast("Session", super().create_model_instance(data))
        begun = data.get(SIGN_IN)
        if begun and SESSION_KEY in data:
            row.account_id = int(data[SESSION_KEY])
            row.number, row.browser = UUID(begun["number"]), begun["browser"]
            row.begun_at = datetime.fromisoformat(begun["at"])
        return row
