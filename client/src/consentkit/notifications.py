"""What a later withdrawal matched among the deposits, and what was done about it: `GET notifications`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from consentkit import canonical
from consentkit.checks import moment
from consentkit.errors import Malformed
from consentkit.matches import UUID, Found
from consentkit.settings import Misuse
from consentkit.transport import Transport

OUTCOMES: Final = ("deleted", "excluded", "retrained", "exempt", "not_found")


@dataclass(frozen=True)
class Notification:
    """`key`: as the picture was deposited; `found`: the image it is a copy of. `outcome` is None until answered."""

    id: str
    at: datetime
    key: str
    found: Found
    outcome: str | None


def notifications(transport: Transport) -> Iterator[Notification]:
    """All of them, oldest first. Raises Unreachable or Malformed."""
    after: int | None = 0
    while after is not None:
        page = transport.get("notifications", query={"after": str(after)})
        listed = canonical.array(page.get("notifications") if isinstance(page, dict) else None)
        yield from map(_parsed, listed)
        after = _next(page.get("next"), after=after) if listed else None


def answer(transport: Transport, notification: str, *, outcome: str) -> None:
    """Says what was done; the same again changes nothing, another outcome is refused. Raises Misuse or Unreachable."""
    if not UUID.fullmatch(notification):
        raise Misuse(f"{notification!r} is no notification: give its id as `consentkit notifications` prints it")
    if outcome not in OUTCOMES:
        raise Misuse(f"{outcome!r} is no outcome: it is one of {', '.join(OUTCOMES)}")
    transport.post(f"notifications/{notification}/outcome", body={"outcome": outcome})


def _next(value: object, *, after: int) -> int | None:
    """A page that leads back would never end."""
    if value is None:
        return None
    if canonical.whole(value) <= after:
        raise Malformed("the registry's list of notifications leads back")
    return canonical.whole(value)


def _parsed(value: Any) -> Notification:
    if not isinstance(value, dict) or value.get("kind") != "copy":
        raise Malformed("the registry sends a notification that this version does not know: upgrade consentkit")
    name, outcome = canonical.text(value.get("id")), value.get("outcome")
    if not UUID.fullmatch(name) or outcome not in (None, *OUTCOMES):
        raise Malformed("a notification has an id in lower case, and an outcome that we know or none")
    return Notification(name, moment(value.get("at")), canonical.text(value.get("key")), Found.parse(value), outcome)
