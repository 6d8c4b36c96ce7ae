"""Who asks: `Authorization: Bearer <key>`. A pipeline's key or a person's token, told apart by their first letters."""

import re
from datetime import datetime
from typing import Final

from django.http import HttpRequest

from consent.reads.pipelines import Asker, pipeline_of_key
from registry.reads.people import Bearer, bearer, steward_of_token
from service import tokens
from service.problems import Problem

BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9_-]{1,200})")
SECRET: Final = re.compile(r"cr[kps]_[A-Za-z0-9_-]{16,}")
KEY_NAMES: Final = frozenset({"access_token", "api_key", "apikey", "authorization", "bearer", "key", "token"})


def refuse_keys_in_url(request: HttpRequest) -> None:
    """Addresses end up in logs."""
    for name, values in request.GET.lists():
        if name.lower() in KEY_NAMES or any(SECRET.search(value) for value in values):
            raise Problem("credentials-in-url", "Send the key as a header, and replace the one you have shown.")


def pipeline(request: HttpRequest, *, at: datetime) -> Asker:
    """The pipeline whose key this is."""
    key = _bearer(request)
    asker = pipeline_of_key(key, at=at) if key.startswith(tokens.PIPELINE) else None
    if asker is None:
        raise _refusal(key, at)
    return asker


def person(request: HttpRequest, *, at: datetime) -> Bearer:
    """The person whose token this is, and which it is."""
    token = _bearer(request)
    found = bearer(token, at=at) if token.startswith(tokens.PERSON) else None
    if found is None:
        raise _refusal(token, at)
    return found


def _bearer(request: HttpRequest) -> str:
    found = BEARER.fullmatch(request.headers.get("Authorization", ""))
    if found is None:
        raise _invalid()
    return found[1]


def _refusal(secret: str, at: datetime) -> Problem:
    """Valid, but of another kind: 403. All else is one 401 in one text."""
    known = {tokens.PIPELINE: pipeline_of_key, tokens.PERSON: bearer, tokens.STEWARD: steward_of_token}
    reader = known.get(secret[: len(tokens.PIPELINE)])
    if reader is not None and reader(secret, at=at) is not None:
        return Problem("scope-missing", "This key or token does not open this.")
    return _invalid()


def _invalid() -> Problem:
    return Problem("credentials-invalid", "Send a valid key as `Authorization: Bearer <key>`.")
