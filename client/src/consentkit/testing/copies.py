"""How a simulated registry finds altered copies: by the rule and the views of a real one. Needs `fingerprints`."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from consentkit.matches import VERSION
from consentkit.notifications import OUTCOMES
from consentkit.testing.attested import SHOWN
from consentkit.testing.refusals import Gone

if TYPE_CHECKING:
    from consentkit.fingerprints.views import Views

Told = Callable[[UUID], str | None]
"""The reason why an image must not be used, `remove` or `wait`; None if that is not so."""


class Copies:
    """What images look like, what pipelines left, and what they were told."""

    def __init__(self) -> None:
        self.deposits: dict[str, bytes] = {}
        """Views by key."""
        self.notifications: list[dict[str, Any]] = []
        self.complete = True
        self._protected: dict[UUID, Views] = {}

    def show(self, image: UUID, picture: Path) -> None:
        """From now on its altered copies are known, once it is withdrawn."""
        from consentkit.fingerprints import views
        from consentkit.looking import look

        perceived = look(picture)
        if perceived is None:
            raise ValueError(f"{picture} is no picture")
        self._protected[image] = views.protected(perceived.small)

    def match(self, asked: dict[str, Any], told: Told) -> list[dict[str, Any]]:
        """One object a picture; with `deposit` they are kept."""
        if asked["version"] != VERSION:
            raise Gone(422, "version-unknown", f"Views are compared in version {VERSION}.")
        left = {each["key"]: bytes.fromhex(each["views"]) for each in asked["pictures"]}
        if asked["deposit"]:
            self.deposits |= left
        return [{"key": each["key"], **self._judged(bytes.fromhex(each["views"]), told)} for each in asked["pictures"]]

    def looked_at(self) -> dict[str, Any]:
        """With how many protected images pictures are compared, and whether those are all."""
        count = len(self._protected)
        return {"complete": self.complete, "compared": count, "protected": count + (not self.complete)}

    def notify(self, image: UUID) -> None:
        """Of each deposit that is a copy of this image, which was just withdrawn."""
        for key, left in self.deposits.items():
            for _, found in self._found(left, lambda each: "remove" if each == image else None):
                told = {"id": str(uuid4()), "at": _now(), "kind": "copy", "key": key, **found, "outcome": None}
                self.notifications.append(told)

    def page(self, after: int) -> dict[str, Any]:
        """Two at most."""
        rows = [_cut(each) for each in self.notifications[after : after + 2]]
        return {"notifications": rows, "next": after + len(rows)}

    def images(self, notification: str) -> dict[str, Any]:
        """All that one about a manifest tells of."""
        found = next((each for each in self.notifications if each["id"] == notification and "images" in each), None)
        if found is None:
            raise Gone(404, "not-found", "There is no such notification.")
        return {"images": found["images"], "next": None}

    def answer(self, notification: str, outcome: str) -> dict[str, Any]:
        """Keeps the first outcome."""
        found = next((each for each in self.notifications if each["id"] == notification), None)
        if found is None:
            raise Gone(404, "not-found", "There is no such notification.")
        if outcome not in OUTCOMES:
            raise Gone(422, "outcome-unknown", f"Say one of {', '.join(OUTCOMES)}.")
        if found["outcome"] not in (None, outcome):
            raise Gone(409, "already-answered", f"This was answered before: {found['outcome']}.")
        found["outcome"] = outcome
        return found

    def _judged(self, views: bytes, told: Told) -> dict[str, Any]:
        found = list(self._found(views, told))
        reason = min((reason for reason, _ in found), default=None)  # `remove` before `wait`
        matches = [match for _, match in found]
        return {"decision": "excluded" if found else "unknown", "reason": reason, "matches": matches}

    def _found(self, views: bytes, told: Told) -> Iterator[tuple[str, dict[str, Any]]]:
        from consentkit.fingerprints.asking import unpacked
        from consentkit.matching.alteration import alteration
        from consentkit.matching.resident import Resident

        for match in Resident(self._protected.items()).scan(unpacked(views)):
            reason = told(match.key)
            if reason:
                words = alteration(match.near)
                yield reason, {"image": str(match.key), "distance": match.near.distance, "alteration": words}


def _cut(told: dict[str, Any]) -> dict[str, Any]:
    return {**told, "images": told["images"][:SHOWN]} if "images" in told else told


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
