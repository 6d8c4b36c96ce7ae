"""What was taken back of what a pipeline used, and what it did about it: `GET notifications`."""

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
_REASONS: Final = ("remove", "wait", "not_covered")


@dataclass(frozen=True)
class Notification:
    """`key`: as the picture was deposited; `found`: the image it is a copy of. `outcome` is None until answered."""

    id: str
    at: datetime
    key: str
    found: Found
    outcome: str | None


@dataclass(frozen=True)
class Taken:
    """An image of a manifest: `reason` is `remove`, `wait` or `not_covered`."""

    image: str
    sha256: str
    reason: str


@dataclass(frozen=True)
class ManifestNotification:
    """One act took `count` images from an attested run; `images` are the first, `all_images` gives the rest too."""

    id: str
    at: datetime
    manifest: str
    count: int
    images: tuple[Taken, ...]
    outcome: str | None


def notifications(transport: Transport) -> Iterator[Notification | ManifestNotification]:
    """All of them, oldest first. Raises Unreachable or Malformed."""
    after: int | None = 0
    while after is not None:
        page = transport.get("notifications", query={"after": str(after)})
        listed = canonical.array(page.get("notifications") if isinstance(page, dict) else None)
        yield from map(_parsed, listed)
        after = _next(page.get("next"), after=after) if listed else None


def all_images(transport: Transport, notification: str) -> Iterator[Taken]:
    """All that one about a manifest tells of. Raises Unreachable or Malformed."""
    after: str | None = None
    while True:
        query = {} if after is None else {"after": after}
        page = transport.get(f"notifications/{notification}/images", query=query)
        images = list(map(_taken, canonical.array(page.get("images") if isinstance(page, dict) else None)))
        yield from images
        if page.get("next") is None:
            return
        if not images or page["next"] != images[-1].image or images[-1].image <= (after or ""):
            raise Malformed("the registry's list of images leads back")
        after = images[-1].image


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


def _parsed(value: Any) -> Notification | ManifestNotification:
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind not in ("copy", "manifest"):
        raise Malformed("the registry sends a notification that this version does not know: upgrade consentkit")
    name, outcome = canonical.text(value.get("id")), value.get("outcome")
    if not UUID.fullmatch(name) or outcome not in (None, *OUTCOMES):
        raise Malformed("a notification has an id in lower case, and an outcome that we know or none")
    at = moment(value.get("at"))
    if kind == "copy":
        return Notification(name, at, canonical.text(value.get("key")), Found.parse(value), outcome)
    manifest, images = canonical.text(value.get("manifest")), canonical.array(value.get("images"))
    if not UUID.fullmatch(manifest):
        raise Malformed("a notification about a manifest has its number in lower case")
    return ManifestNotification(
        name, at, manifest, canonical.whole(value.get("count")), tuple(map(_taken, images)), outcome
    )


def _taken(value: Any) -> Taken:
    image, sha256, reason = canonical.fields(value, "image", "sha256", "reason")
    if not UUID.fullmatch(canonical.text(image)) or reason not in _REASONS:
        raise Malformed("an image that was taken back has a number, and a reason that we know")
    return Taken(image, canonical.from_hex(sha256, size=32).hex(), reason)
