"""What is kept of a sign-in, so that its owner can tell it from others: a number, the browser's name, the moment."""

from typing import Any, Final
from uuid import uuid4

from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.utils import timezone

from registry.reads.secrets import SIGN_IN

# The first of these that stands in the header counts: most browsers name others besides themselves.
BROWSERS: Final = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS: Final = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Macintosh": "Mac",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def browser(header: str) -> str:
    """Of a User-Agent header, “Firefox, Windows”; empty where we know none of it. Nothing else is kept."""
    known = (next((name for mark, name in names.items() if mark in header), "") for names in (BROWSERS, SYSTEMS))
    return ", ".join(filter(None, known))


def note(request: HttpRequest, **_: Any) -> None:
    """Django's signal, from every way to sign in."""
    request.session[SIGN_IN] = {
        "number": str(uuid4()),
        "browser": browser(request.headers.get("User-Agent", "")),
        "at": timezone.now().isoformat(),
    }


def connect() -> None:
    """Once, at start-up."""
    user_logged_in.connect(note, dispatch_uid="service.sign_in")
